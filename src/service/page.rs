//! One page of a list, parsed item by item: only its text and the parsed items are in memory, whatever the service
//! sends.

use super::budget::Kept;
use super::failure::{Failure, Kind};
use super::wire::{Item, Text};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::marker::PhantomData;

/// More items than any page has.
const MOST_ITEMS: usize = 200_000;

pub struct Page<T> {
    /// The parsed items.
    pub items: Vec<T>,
    /// The memory that they need, in bytes.
    pub kept: usize,
    /// The number of items on the page.
    pub count: usize,
    /// The first item's id: a service that ignores the offset repeats it.
    pub first: Option<String>,
    /// The number of items in the list, if the service states it.
    pub total: Option<usize>,
    /// The page size, if the service states it.
    pub limit: Option<usize>,
}

/// Why a response is not a page.
pub enum NoPage {
    Syntax(serde_json::Error),
    /// It is JSON, but contains no list.
    NoList(Failure),
}

/// Parses a page: an object with `items`, or a bare list. `make` parses an item; `None` if it is invalid.
pub fn read<'de, W, T, F>(body: &'de [u8], path: &str, mut make: F) -> Result<Page<T>, NoPage>
where
    W: Item<'de>,
    T: Kept,
    F: FnMut(W) -> Option<T>,
{
    let mut reader = serde_json::Deserializer::from_slice(body);
    let page = reader.deserialize_any(Envelope(Items(&mut make, PhantomData)));
    let page = page.and_then(|page| reader.end().map(|()| page));
    let page = page.map_err(|error| if error.is_data() { no_list(path, &error) } else { NoPage::Syntax(error) })?;
    page.ok_or_else(|| no_list(path, &"it has no items"))
}

fn no_list(path: &str, why: &dyn fmt::Display) -> NoPage {
    let remedy = "check that SM_HOST is the service; if it is, please report it";
    NoPage::NoList(Failure::new(Kind::BadAnswer, format!("GET {path}: the answer holds no list ({why})"), remedy))
}

struct Items<'a, W, F>(&'a mut F, PhantomData<W>);

struct Envelope<'a, W, F>(Items<'a, W, F>);

impl<'de, W: Item<'de>, T: Kept, F: FnMut(W) -> Option<T>> Visitor<'de> for Envelope<'_, W, F> {
    type Value = Option<Page<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        self.0.visit_seq(list).map(Some)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut page, mut total, mut limit) = (None, None, None);
        while let Some(name) = map.next_key::<Text<'de>>()? {
            match name.as_str() {
                "items" => page = Some(map.next_value_seed(Nullable(Items(&mut *self.0.0, PhantomData)))?),
                "total" => total = number(map.next_value()?),
                "limit" => limit = number(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(page.map(|page| Page { total, limit: limit.filter(|limit| *limit > 0), ..page }))
    }
}

/// A number, or text with its digits; anything else, or a number that is too large, counts as missing.
fn number(text: &RawValue) -> Option<usize> {
    text.get().trim_matches('"').parse().ok()
}

impl<'de, W: Item<'de>, T: Kept, F: FnMut(W) -> Option<T>> DeserializeSeed<'de> for Items<'_, W, F> {
    type Value = Page<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Page<T>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

/// `items`, where null means an empty list.
struct Nullable<'a, W, F>(Items<'a, W, F>);

impl<'de, W: Item<'de>, T: Kept, F: FnMut(W) -> Option<T>> DeserializeSeed<'de> for Nullable<'_, W, F> {
    type Value = Page<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Page<T>, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, W: Item<'de>, T: Kept, F: FnMut(W) -> Option<T>> Visitor<'de> for Nullable<'_, W, F> {
    type Value = Page<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of items")
    }

    fn visit_none<E>(self) -> Result<Page<T>, E> {
        Ok(Page { items: Vec::new(), kept: 0, count: 0, first: None, total: None, limit: None })
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Page<T>, D::Error> {
        self.0.deserialize(deserializer)
    }
}

impl<'de, W: Item<'de>, T: Kept, F: FnMut(W) -> Option<T>> Visitor<'de> for Items<'_, W, F> {
    type Value = Page<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Page<T>, A::Error> {
        let mut page = Page { items: Vec::new(), kept: 0, count: 0, first: None, total: None, limit: None };
        let mut named = false;
        while let Some(item) = list.next_element::<W>()? {
            page.count += 1;
            if page.count > MOST_ITEMS {
                return Err(A::Error::custom("too many items"));
            }
            if page.count == 1 {
                page.first = Some(item.id().to_owned());
            }
            named |= !item.id().is_empty();
            let made = (self.0)(item);
            page.kept += made.as_ref().map_or(0, Kept::kept);
            page.items.extend(made);
        }
        if page.count > 0 && !named {
            return Err(A::Error::custom("none of its items has an id"));
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::Keypair;
    use super::*;

    impl Kept for u64 {
        fn kept(&self) -> usize {
            size_of::<Self>()
        }
    }

    fn page(body: &str) -> Result<Page<u64>, NoPage> {
        read(body.as_bytes(), "/x", |item: Keypair<'_>| item.id.as_str().parse().ok())
    }

    #[test]
    fn a_page_is_an_envelope_or_a_bare_list_and_nothing_else() {
        let found = page(r#"{"offset": {"deep": [1]}, "items": [{"id": 1}, 7, {"id": 2}], "total": 5, "limit": 2}"#);
        let found = found.ok().unwrap();
        assert_eq!((found.items, found.count, found.total, found.limit), (vec![1, 2], 3, Some(5), Some(2)));
        assert_eq!(page(r#"[{"id": 1}]"#).ok().unwrap().items, [1]);
        for nonsense in [r#"{"message": "no"}"#, r#"{"items": "no"}"#, "\"no\"", "7", "null", "{}"] {
            assert!(matches!(page(nonsense), Err(NoPage::NoList(_))), "{nonsense}");
        }
        let nothing = page(r#"{"total": 0, "items": null}"#).ok().unwrap();
        assert_eq!((nothing.items.len(), nothing.count, nothing.total), (0, 0, Some(0)));
        for broken in ["", "{", "[1,", "<html>", "[] []", "\u{0}"] {
            assert!(matches!(page(broken), Err(NoPage::Syntax(_))), "{broken}");
        }
    }

    #[test]
    fn a_response_without_a_list_says_what_it_is_instead() {
        for (body, why) in [
            ("7", "invalid type: integer `7`, expected a list at line 1 column 1"),
            (r#"{"items": "no"}"#, r#"invalid type: string "no", expected a list of items at line 1 column 14"#),
            ("{}", "it has no items"),
            ("[7]", "none of its items has an id at line 1 column 3"),
        ] {
            let Err(NoPage::NoList(failure)) = page(body) else { panic!("{body}") };
            assert_eq!(failure.cause(), format!("GET /x: the answer holds no list ({why})"));
        }
    }

    #[test]
    fn a_page_knows_its_first_item_and_its_memory() {
        let found = page(r#"[{"id": 8}, {"id": "x"}, {"id": 9}]"#).ok().unwrap();
        assert_eq!((found.first.as_deref(), found.count, found.kept), (Some("8"), 3, 2 * size_of::<u64>()));
    }

    #[test]
    fn a_page_has_at_most_so_many_items() {
        let items = |count: usize| page(&format!(r#"[{{"id": 1}}{}]"#, ",0".repeat(count - 1)));
        assert_eq!(items(MOST_ITEMS).ok().unwrap().count, MOST_ITEMS);
        let Err(NoPage::NoList(failure)) = items(MOST_ITEMS + 1) else { panic!("there are too many") };
        assert!(failure.cause().contains("(too many items"), "{failure}");
    }

    #[test]
    fn totals_of_other_types_are_as_good_as_absent_and_the_last_of_two_lists_counts() {
        let found = page(r#"{"total": "5", "limit": 0, "items": [], "items": [{"id": 9}]}"#).ok().unwrap();
        assert_eq!((found.items, found.total, found.limit), (vec![9], Some(5), None));
        assert_eq!(page(r#"{"total": [5], "items": []}"#).ok().unwrap().total, None);
    }

    #[test]
    fn what_goes_on_for_ever_ends_and_what_is_deep_is_read_over() {
        assert!(page(&"[".repeat(100_000)).is_err());
        assert!(page(&format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000))).is_err());
        let deep = format!(r#"[{{"id": 1, "x": {}{}}}]"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(page(&deep).ok().unwrap().items, [1]);
        assert!(page(&format!("[0{}]", ",0".repeat(MOST_ITEMS))).is_err());
    }
}
