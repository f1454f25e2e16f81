//! Entries by keypair, command or host: those that spent most, and all others together.

use super::count::Count;
use super::records::{Name, Record, Records};
use std::collections::HashMap;

#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub name: String,
    pub count: Count,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Groups {
    /// Those that spent most first; equal ones by their names.
    pub named: Vec<Group>,
    /// The numbers of their names.
    pub names: Vec<Name>,
    /// How many others there are, and their sum; `None` without any.
    pub others: Option<(usize, Count)>,
}

/// Adds up by what `of` gives; at most `most` groups have a name.
pub fn groups(records: &Records, of: impl Fn(&Record) -> Name, most: usize) -> Groups {
    let mut counts: HashMap<Name, Count> = HashMap::new();
    for record in &records.all {
        counts.entry(of(record)).or_default().add(record.outcome, record.n);
    }
    let mut all: Vec<(Name, Count)> = counts.into_iter().collect();
    all.sort_by(|(name, count), (other, than)| {
        let by_number = (than.spent(), than.entries()).cmp(&(count.spent(), count.entries()));
        by_number.then_with(|| records.names.text(*name).cmp(records.names.text(*other)))
    });
    let rest = all.split_off(all.len().min(most));
    let others = (!rest.is_empty()).then(|| {
        let mut sum = Count::default();
        rest.iter().for_each(|(_, count)| sum.merge(count));
        (rest.len(), sum)
    });
    let group = |(name, count): &(Name, Count)| Group { name: records.names.text(*name).to_owned(), count: *count };
    Groups { named: all.iter().map(group).collect(), names: all.iter().map(|(name, _)| *name).collect(), others }
}

#[cfg(test)]
mod tests {
    use super::super::records::records;
    use super::*;
    use stm_pkcs11::ledger::{Entry, Outcome};

    #[test]
    fn those_that_spent_most_are_named_and_the_others_are_added_up() {
        let entry = |(n, host): (usize, &&str)| {
            let outcome = Some(if n == 0 { Outcome::Reused } else { Outcome::Signed });
            Entry { n: n as u64 + 2, host: (*host).into(), outcome, ..Entry::default() }
        };
        let records = records(["z", "b", "a", "c", "c", "b"].iter().enumerate().map(entry).collect());
        let found = groups(&records, |record| record.host, 2);
        let named: Vec<_> = found.named.iter().map(|group| (group.name.as_str(), group.count.spent())).collect();
        assert_eq!(named, [("b", 2), ("c", 2)]);
        let (count, sum) = found.others.unwrap();
        assert_eq!((count, sum.spent(), sum.entries(), sum.lines()), (2, 1, 2, "2 to 4".into()));
        assert_eq!(groups(&records, |record| record.host, 4).others, None);
        assert_eq!(groups(&super::super::records::records(Vec::new()), |record| record.host, 4), Groups::default());
    }
}
