//! The module's own table of what it asks for, compared with what it sent.

use crate::front::Seen;
use crate::front::reply::{API, Asked};

/// Every request, parameter of a query and member of a body that was sent stands in the module's table.
pub fn knows(seen: &[Seen]) {
    let table = stm_pkcs11::service::contract();
    let mut asked = 0;
    for Seen { line, body, .. } in seen {
        let one = Asked::new(line, body, std::iter::empty());
        let request = format!("{} {}", one.method, pattern(&one.path));
        assert!(line.contains(API), "{line}");
        let parts = || table.iter().filter(|row| row.requests.contains(&request.as_str())).map(|row| row.part);
        assert!(parts().any(|part| part == "request"), "{request} is not in the table of the contract");
        let query = one.query.iter().map(|(name, _)| format!("query {name}"));
        let members = one.body.as_object().into_iter().flatten().map(|(name, _)| format!("body {name}"));
        for part in query.chain(members) {
            assert!(parts().any(|known| known == part), "{request}: {part} is not in the table of the contract");
            asked += 1;
        }
    }
    assert!(asked > 0);
}

/// A path with `{id}` for an id.
fn pattern(path: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    if parts.len() > 2 {
        parts[2] = "{id}";
    }
    parts.join("/")
}
