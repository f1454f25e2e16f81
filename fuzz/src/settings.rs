//! Settings: the properties file and the text that applications give to `C_Initialize` (which are read by the same code).

use super::workplace::configuration;

/// The input is the text. Wrong values become problems with a line each; nothing else happens.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if text.to_ascii_lowercase().contains("xn--") {
        // The URL library has debug assertions about what such a label decodes to, and fuzzing turns them on. Without them
        // it is a name that nobody has.
        return;
    }
    let config = configuration(&text);
    let token = &config.tokens[0];
    for problem in &token.problems {
        assert!(!problem.setting.is_empty() && !problem.to_string().is_empty());
    }
    assert!(token.timeout.as_secs() <= 86_400 && !token.timeout.is_zero());
    assert!(
        token.host.as_ref().is_none_or(|host| host.starts_with("https://") && !host.ends_with('/')),
        "{:?}",
        token.host
    );
    assert!(!token.name.is_empty());
}
