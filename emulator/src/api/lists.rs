//! The envelope of lists, and the query that selects their items.

use super::{Answer, Call, parameters};
use crate::behaviour::{AliasMatch, Behaviour, OverLimit, Total};
use crate::errors::ApiError;
use crate::store::{Filter, Page};

/// The page size if the request does not set one.
const DEFAULT_LIMIT: usize = 20;

const COMMON: [&str; 4] = ["limit", "offset", "alias", "id"];

/// `certificate_status` that a list can be restricted to.
const STATUSES: [&str; 3] = ["ACTIVE", "EXPIRED", "REVOKED"];

pub struct ListQuery {
    /// The condition for items.
    pub filter: Filter,
    /// Items to skip.
    pub offset: usize,
    /// The largest number of items on the page.
    pub limit: usize,
    total: Total,
}

impl ListQuery {
    /// Parses the query string. `more` names parameters of this list in addition to the common ones.
    ///
    /// # Errors
    /// 400 for an invalid value, and for anything that `behaviour` refuses.
    pub fn of(call: &Call, behaviour: &Behaviour, more: &[&str]) -> Result<ListQuery, ApiError> {
        let mut query = ListQuery {
            filter: Filter::default(),
            offset: 0,
            limit: DEFAULT_LIMIT.min(behaviour.page_limit),
            total: behaviour.total,
        };
        for (name, value) in parameters(call, behaviour, &[&COMMON, more].concat())? {
            match &*name {
                "limit" => query.limit = query.granted(number(&name, &value, 1)?, &call.path, behaviour)?,
                "offset" => query.offset = number(&name, &value, 0)?,
                "alias" if behaviour.alias_match == AliasMatch::Refuse => {
                    return Err(ApiError::unknown_parameter(&name));
                }
                "alias" => query.filter.alias = Some(value),
                "id" => query.filter.id = Some(value),
                "certificate_status" if STATUSES.contains(&value.as_str()) => query.filter.status = Some(value),
                "certificate_status" => {
                    let message = format!("certificate_status must be {}; it is '{value}'.", STATUSES.join(", "));
                    return Err(ApiError::invalid_field(message));
                }
                _ => query.filter.keypair_id = Some(value),
            }
        }
        Ok(query)
    }

    /// The page size for a request for `wanted` items.
    fn granted(&self, wanted: usize, path: &str, behaviour: &Behaviour) -> Result<usize, ApiError> {
        let most = behaviour.page_limit;
        match behaviour.over_limit {
            _ if wanted <= most => Ok(wanted),
            OverLimit::Refuse => {
                Err(ApiError::invalid_field(format!("limit must be at most {most}; it is '{wanted}'.")))
            }
            OverLimit::Clamp => Ok(most),
            OverLimit::Ignore => Ok(self.limit),
            OverLimit::Fail => Err(ApiError::internal(path)),
        }
    }

    /// The page in its envelope.
    pub fn answer(&self, page: Page) -> Answer {
        let total = match self.total {
            Total::Exact => format!("\"total\":{},", page.total),
            Total::Page => format!("\"total\":{},", page.count),
            Total::Missing => String::new(),
        };
        let start = format!("{{{total}\"offset\":{},\"limit\":{},\"items\":[", self.offset, self.limit);
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
    use crate::behaviour::UnknownParameter;
    use hyper::body::Bytes;

    fn asked(text: &str, behaviour: &Behaviour) -> Result<ListQuery, ApiError> {
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
        ListQuery::of(&call, behaviour, &["certificate_status"])
    }

    fn query(text: &str) -> Result<ListQuery, ApiError> {
        asked(text, &Behaviour::default())
    }

    fn message(refused: Result<ListQuery, ApiError>) -> (u16, String) {
        let refusal = refused.err().unwrap();
        (refusal.status, refusal.body["error"]["message"].as_str().unwrap_or_default().to_owned())
    }

    #[test]
    fn a_page_has_twenty_items_unless_asked() {
        assert_eq!(query("").unwrap().limit, 20);
        assert_eq!(query("limit=50&offset=7").unwrap().limit, 50);
        assert_eq!(query("limit=50&offset=7").unwrap().offset, 7);
        assert_eq!(query("limit=100").unwrap().limit, 100);
    }

    #[test]
    fn a_limit_beyond_the_largest_is_refused_clamped_ignored_or_fails() {
        let with = |over_limit| asked("limit=101", &Behaviour { over_limit, ..Behaviour::default() });
        assert_eq!(message(with(OverLimit::Refuse)), (400, "limit must be at most 100; it is '101'.".to_owned()));
        assert_eq!(with(OverLimit::Clamp).unwrap().limit, 100);
        assert_eq!(with(OverLimit::Ignore).unwrap().limit, 20);
        assert_eq!(with(OverLimit::Fail).err().unwrap().status, 500);
    }

    #[test]
    fn a_parameter_that_is_not_known_is_refused_by_name_or_ignored() {
        assert_eq!(message(query("sort=alias")), (400, "Unknown query parameter 'sort'.".to_owned()));
        let lenient = Behaviour { unknown_parameter: UnknownParameter::Ignore, ..Behaviour::default() };
        assert!(asked("sort=alias", &lenient).is_ok());
        let refuses = Behaviour { alias_match: AliasMatch::Refuse, ..Behaviour::default() };
        assert_eq!(message(asked("alias=a", &refuses)), (400, "Unknown query parameter 'alias'.".to_owned()));
    }

    #[test]
    fn a_value_that_cannot_be_used_is_refused_by_name() {
        assert_eq!(
            message(query("limit=many")),
            (400, "limit must be a number of at least 1; it is 'many'.".to_owned())
        );
        assert!(query("limit=0").is_err());
        assert!(query("offset=-1").is_err());
        assert!(query("certificate_status=ACTIVE").is_ok());
        assert!(message(query("certificate_status=active")).1.starts_with("certificate_status must be ACTIVE"));
    }

    #[test]
    fn filter_values_are_decoded() {
        assert_eq!(query("alias=a%20b%2Bc+d").unwrap().filter.alias.as_deref(), Some("a b+c d"));
    }
}
