//! The envelope of lists and the query that chooses what is in them.

use super::{Answer, Call};
use crate::errors::ApiError;
use crate::store::{Filter, Page};

/// Items of a page where the request does not say.
const DEFAULT_LIMIT: usize = 20;

/// A list request's query.
pub struct ListQuery {
    /// What the list is restricted to.
    pub filter: Filter,
    /// Items to skip.
    pub offset: usize,
    /// Items of the page, after the service's own cap.
    pub limit: usize,
}

impl ListQuery {
    /// Reads the query string; parameters that this service does not know are ignored, as frameworks do.
    pub fn of(call: &Call, page_limit: usize) -> Result<ListQuery, ApiError> {
        let mut query = ListQuery { filter: Filter::default(), offset: 0, limit: DEFAULT_LIMIT.min(page_limit) };
        for (name, value) in form_urlencoded::parse(call.query.as_bytes()) {
            match &*name {
                "limit" => query.limit = number(&name, &value, 1)?.min(page_limit),
                "offset" => query.offset = number(&name, &value, 0)?,
                "alias" => query.filter.alias = Some(value.into_owned()),
                "id" => query.filter.id = Some(value.into_owned()),
                "certificate_status" => query.filter.status = Some(value.into_owned()),
                "keypair_id" => query.filter.keypair_id = Some(value.into_owned()),
                _ => {}
            }
        }
        Ok(query)
    }

    /// The page in its envelope.
    pub fn answer(&self, page: Page) -> Answer {
        let start =
            format!("{{\"total\":{},\"offset\":{},\"limit\":{},\"items\":[", page.total, self.offset, self.limit);
        let mut body = Vec::with_capacity(start.len() + page.items.len() + 2);
        body.extend_from_slice(start.as_bytes());
        body.extend_from_slice(&page.items);
        body.extend_from_slice(b"]}");
        Answer::json(200, body)
    }
}

fn number(name: &str, value: &str, least: usize) -> Result<usize, ApiError> {
    match value.parse() {
        Ok(number) if number >= least => Ok(number),
        _ => Err(ApiError::invalid_field(format!("{name} must be a number of at least {least}; it is '{value}'."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::body::Bytes;

    fn query(text: &str) -> Result<ListQuery, ApiError> {
        let call = Call {
            method: "GET".to_owned(),
            path: String::new(),
            query: text.to_owned(),
            body: Bytes::new(),
            api_key: None,
            user_agent: None,
            client_certificate: false,
            client_ip: [127, 0, 0, 1].into(),
        };
        ListQuery::of(&call, 100)
    }

    #[test]
    fn a_page_has_twenty_items_unless_asked_and_never_more_than_the_cap() {
        assert_eq!(query("").unwrap().limit, 20);
        assert_eq!(query("limit=50&offset=7").unwrap().limit, 50);
        assert_eq!(query("limit=50&offset=7").unwrap().offset, 7);
        assert_eq!(query("limit=1000").unwrap().limit, 100);
    }

    #[test]
    fn a_limit_that_is_no_number_is_refused_by_name() {
        let refusal = query("limit=many").err().unwrap();
        assert_eq!(refusal.status, 400);
        assert!(refusal.body["error"]["message"].as_str().unwrap().starts_with("limit must"));
        assert!(query("limit=0").is_err());
        assert!(query("offset=-1").is_err());
    }

    #[test]
    fn filter_values_are_decoded() {
        assert_eq!(query("alias=a%20b%2Bc+d").unwrap().filter.alias.as_deref(), Some("a b+c d"));
    }
}
