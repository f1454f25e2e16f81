//! `SM_HOST`: the service's address.

/// Returns `https://host[:port]`, or the fix for an invalid value. The fix never contains the value, which may be a
/// secret.
///
/// A bare name means https. The paths in the service's documentation, `/signingmanager` and `/signingmanager/api/v1`,
/// are dropped.
pub(super) fn parse(value: &str) -> Result<String, String> {
    const LIKE: &str = "use a URL such as https://clientauth.one.digicert.com";
    let bare = !value.contains("://");
    let url = if bare { format!("https://{value}") } else { value.to_owned() };
    let Some(rest) = url.get(..8).filter(|scheme| scheme.eq_ignore_ascii_case("https://")).map(|_| &url[8..]) else {
        let over_http = value.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
        let host = value.get(7..).unwrap_or_default().split('/').next().unwrap_or_default();
        let instead = match over_http && is_plain(value) && !host.is_empty() {
            true => format!("use https://{host}"),
            false => "use an https:// URL".to_owned(),
        };
        return Err(format!("{instead}; the module sends credentials over TLS only"));
    };
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("write the host in ASCII (an international name as xn--...)".into());
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err("remove user name and password from the URL; the service has none".into());
    }
    if path.contains(['#', '?', '\\']) {
        return Err("remove what follows the host".into());
    }
    // The URL parser would ignore any number of further slashes, and decode the host.
    let fits = !authority.is_empty() && !authority.ends_with(':') && !authority.contains('%');
    if !fits || reqwest::Url::parse(&url).ok().and_then(|url| url.host_str().map(drop)).is_none() {
        return Err(LIKE.into());
    }
    // A single word is a valid host name on some networks; on all others it is a credential in the wrong setting.
    let host = authority.split(':').next().unwrap_or_default();
    if bare && !authority.contains(['.', ':']) && !host.eq_ignore_ascii_case("localhost") {
        return Err(format!("{LIKE}, with https:// before a name without dots"));
    }
    match path.trim_end_matches('/') {
        "" | "/signingmanager" | "/signingmanager/api" | "/signingmanager/api/v1" => Ok(format!("https://{authority}")),
        _ => Err("remove the path: SM_HOST is the host alone".into()),
    }
}

/// Whether a value may be shown: only if it consists of scheme, host and port.
pub(super) fn is_plain(value: &str) -> bool {
    let rest = value.split_once("://").map_or(value, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    value.contains("://") && !rest.contains(['@', '#', '?', '\\']) && (host.contains('.') || host.is_empty())
        || !value.contains("://") && host.contains('.') && !rest.contains(['@', '#', '?', '\\'])
}

/// Whether a proxy's URL has a host directly behind the slashes, in ASCII and without escapes. (Credentials before it
/// may contain escapes.)
pub(super) fn has_plain_authority(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    !host.is_empty() && !host.ends_with(':') && url.bytes().all(|byte| byte.is_ascii_graphic()) && !host.contains('%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_loses_slashes_and_documented_paths_and_gains_https() {
        for value in [
            "https://h.example",
            "HTTPS://h.example/",
            "https://h.example//",
            "h.example",
            "https://h.example/signingmanager",
            "h.example/signingmanager/api/v1/",
        ] {
            assert_eq!(parse(value).as_deref(), Ok("https://h.example"), "{value}");
        }
        assert_eq!(parse("https://emulator:8443").as_deref(), Ok("https://emulator:8443"));
        assert_eq!(parse("localhost:8443").as_deref(), Ok("https://localhost:8443"));
        assert_eq!(parse("https://[::1]:8443").as_deref(), Ok("https://[::1]:8443"));
    }

    #[test]
    fn what_is_more_or_less_than_a_host_is_refused_with_the_remedy() {
        for (value, words) in [
            ("http://h.example", "use https://h.example; "),
            ("HTTP://h.example:8443/signingmanager", "use https://h.example:8443; "),
            ("http://me:secret@h.example", "use an https:// URL"),
            ("http://secret", "use an https:// URL"),
            ("ftp://h.example", "use an https:// URL"),
            ("https://me@h.example", "user name and password"),
            ("https://:secret@h.example", "user name and password"),
            ("https://h.example/#x", "remove what follows"),
            ("https://h.example?x=y", "remove what follows"),
            ("https://h.example/stm", "remove the path"),
            ("https://h.example/signingmanager/api/v2", "remove the path"),
            ("https:///h.example", "such as"),
            ("https://", "such as"),
            ("https://h.example:", "such as"),
            ("https://%68.example", "such as"),
            ("https://h\u{e9}.example", "ASCII"),
            ("0123456789_abcdef", "such as"),
            ("gateway", "with https:// before"),
        ] {
            assert!(
                parse(value).is_err_and(|remedy| remedy.contains(words) && !remedy.contains("secret")),
                "{value}: {:?}",
                parse(value)
            );
        }
    }

    #[test]
    fn the_host_of_a_proxy_is_plain_whatever_its_password_is() {
        for url in ["http://proxy:3128", "proxy:3128", "http://me:p%40ss@proxy:3128/", "https://[::1]:8443"] {
            assert!(has_plain_authority(url), "{url}");
        }
        for url in [
            "http://",
            "",
            "http://me@",
            "http://me@/proxy",
            "http://proxy:",
            "http://pr%6fxy",
            "http://pro xy",
            "http://pr\u{f6}xy",
        ] {
            assert!(!has_plain_authority(url), "{url}");
        }
    }

    #[test]
    fn only_plain_values_are_shown() {
        assert!(is_plain("http://h.example") && is_plain("https:///h.example") && is_plain("h.example/stm"));
        for value in
            ["https://me:x@h.example", "https://h.example/#key", "0123456789_abcdef", "https://0123456789_abcdef"]
        {
            assert!(!is_plain(value), "{value}");
        }
    }
}
