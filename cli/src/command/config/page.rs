//! Fills in the commands of a page in `docs/clients/`.

use super::clients::{INSTALLED, Values, native};
use crate::language::{self, Language, Refusal};

/// The commands of a page: the code under "Configure" and "Sign", preceded by the variables that it needs. `languages`
/// is the client's own notation for aliases.
pub fn commands(name: &str, page: &str, values: &Values<'_>, languages: &[Language]) -> Result<String, Refusal> {
    // In a URI the alias is encoded differently.
    let code = native(&code(page)).replace("object=$KEYPAIR", "object=$KEYPAIR_IN_URI");
    let shell = |text: &str| Language::Shell.write(text);
    let alias = shell(&Language::nested(languages, values.alias)?)?;
    let module = shell(values.module.unwrap_or(INSTALLED))?;
    let mut head = format!("# {name}: the names of files stand for yours\nexport MODULE={module} KEYPAIR={alias}\n");
    if code.contains("$KEYPAIR_IN_URI") {
        head += &format!("KEYPAIR_IN_URI={}\n", shell(&language::percent(values.alias))?);
    }
    if !languages.is_empty() && !values.alias.is_ascii() {
        head += "# Java reads the name of the keypair so, and loses letters of its arguments in other locales.\nexport LC_ALL=C.UTF-8\n";
    }
    for (file, part) in [("cert.pem", "leaf"), ("chain.pem", "issuers")] {
        if code.contains(file) {
            head += &format!("stm-pkcs11 keypair certificate --{part} --out {file} -- \"$KEYPAIR\"\n");
        }
    }
    Ok(format!("{head}\n{code}"))
}

fn code(page: &str) -> String {
    let mut code = String::new();
    let (mut wanted, mut inside) = (false, false);
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            wanted = ["Configure", "Sign"].contains(&heading);
        } else if line.starts_with("```") {
            inside = wanted && !inside && line == "```sh";
            code += if inside && !code.is_empty() { "\n" } else { "" };
        } else if inside {
            code += &format!("{line}\n");
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_of_a_page_are_its_code_and_what_that_needs() {
        let page = "# X\n## Install\n```sh\nget x\n```\n## Sign\n```sh\nx \"$KEYPAIR\" cert.pem\n```\n## Verify\n```sh\ny\n```\n";
        let values = Values { alias: "it's", module: None };
        let text = commands("x", page, &values, &[]).unwrap();
        assert!(text.ends_with("--leaf --out cert.pem -- \"$KEYPAIR\"\n\nx \"$KEYPAIR\" cert.pem\n"), "{text}");
        assert!(text.contains(" KEYPAIR='it'\\''s'\n"), "{text}");
        assert!(!text.contains("get x") && !text.contains("--issuers") && !text.contains("IN_URI"), "{text}");
    }

    #[test]
    fn a_uri_has_the_alias_percent_encoded() {
        let values = Values { alias: "a;b", module: Some("/m") };
        let text =
            commands("x", "## Sign\n```sh\nx \"pkcs11:object=$KEYPAIR;type=private\"\n```\n", &values, &[]).unwrap();
        assert!(text.contains("KEYPAIR_IN_URI='a%3Bb'\n"), "{text}");
        assert!(text.ends_with("x \"pkcs11:object=$KEYPAIR_IN_URI;type=private\"\n"), "{text}");
    }
}
