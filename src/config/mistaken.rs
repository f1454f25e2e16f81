//! Detects values that are mistakes: placeholders that a pipeline did not replace, and credentials in the wrong
//! setting.

use super::setting::Setting;

/// A value that belongs to another setting.
pub(super) struct Mistake {
    /// The setting that the value belongs to.
    pub belongs_to: &'static Setting,
}

/// Whether a value is a placeholder, such as `***`, `${{ secrets.NAME }}`, `$(NAME)`, `${NAME}`, `$NAME`, `%NAME%` or
/// `<your API key>`.
pub(super) fn is_placeholder(value: &str) -> bool {
    let value = value.trim();
    let within = |open: &str, close: &str| {
        value
            .strip_prefix(open)
            .and_then(|rest| rest.strip_suffix(close))
            .is_some_and(|name| !name.is_empty() && !name.contains(['\n', '/', '\\', '+', '=']))
    };
    let variable = value.strip_prefix('$').is_some_and(|name| {
        !name.is_empty() && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_uppercase() || byte.is_ascii_digit())
    });
    let stars = value.len() >= 3 && value.bytes().all(|byte| byte == b'*');
    stars
        || variable
        || within("${{", "}}")
        || within("$(", ")")
        || within("${", "}")
        || within("%", "%")
        || within("<", ">")
}

/// Whether a value looks like an API key of the service, or like base64 of a certificate: one long word of letters and
/// digits.
pub(super) fn looks_like_credential(value: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '=');
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    value.len() >= 24 && value.chars().all(word) && digits >= 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pipeline_left_is_recognised() {
        for value in [
            "***",
            "******",
            "${{ secrets.SM_API_KEY }}",
            "$(SM_API_KEY)",
            "${SM_API_KEY}",
            "$SM_API_KEY",
            "%SM_API_KEY%",
            "<your API key>",
        ] {
            assert!(is_placeholder(value), "{value}");
        }
        for value in [
            "01234567_abcdef",
            "a***b",
            "**",
            "$",
            "$5dollars",
            "/etc/<x>/y",
            "client.p12",
            "MIIK+/==",
            "%",
            "%%",
            "<>",
            "<a/b>",
        ] {
            assert!(!is_placeholder(value), "{value}");
        }
    }

    #[test]
    fn a_long_word_with_digits_looks_like_a_credential() {
        assert!(looks_like_credential("01a2b3c4d5e6f7_0123456789abcdef"));
        for value in [
            "clientauth.one.digicert.com",
            "client.p12",
            "production",
            "a-rather-long-name-for-a-file",
            "abc1234",
            "the words of a sentence, and 1234",
        ] {
            assert!(!looks_like_credential(value), "{value}");
        }
    }
}
