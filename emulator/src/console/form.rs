//! The fields of forms and queries.

use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;

/// Names and values in the order in which they were sent, decoded.
pub struct Form(Vec<(String, String)>);

impl Form {
    pub fn parse(bytes: &[u8]) -> Form {
        Form(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// The first value of that name, without surrounding white space; empty if there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value.trim())
    }

    /// Whether a checkbox is checked.
    pub fn is_checked(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }

    /// A whole number; `None` for an empty field.
    ///
    /// # Errors
    /// The text for the user names the field by its `label`.
    pub fn number<N: std::str::FromStr>(&self, name: &str, label: &str) -> Result<Option<N>, String> {
        match self.get(name) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| {
                format!("{label} is not a valid number ('{text}'); enter a whole number, or leave it empty")
            }),
        }
    }
}

/// Whether a body is a form that a browser sent.
pub fn is_form(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.split(';').next().is_some_and(|name| name.trim() == "application/x-www-form-urlencoded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_numbers_are_checked() {
        let form = Form::parse(b"alias=+a%0D%0Ab+&n=5&bad=-1&empty=");
        assert_eq!(form.get("alias"), "a\r\nb");
        assert_eq!(form.number::<u64>("n", "N"), Ok(Some(5)));
        assert_eq!(form.number::<u64>("empty", "N"), Ok(None));
        assert_eq!(form.number::<u64>("missing", "N"), Ok(None));
        assert!(form.number::<u64>("bad", "Delay").unwrap_err().starts_with("Delay is not a valid number ('-1');"));
    }
}
