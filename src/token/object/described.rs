//! Names of attributes and templates, for the log at TRACE.

use super::attribute::{Template, number};
use super::attribute_table::row;
use super::class::Class;
use crate::shown::shown;
use cryptoki_sys::*;
use data_encoding::HEXLOWER;
use std::fmt;

/// The longest value that is written, in bytes.
const LONGEST_VALUE: usize = 100;

/// `CKA_LABEL`, or the number of an attribute that the token does not have.
pub fn attribute_name(attribute: CK_ATTRIBUTE_TYPE) -> String {
    row(attribute).map_or_else(|| format!("{attribute:#x}"), |row| row.name.to_owned())
}

/// Writes the attributes by name. It shows only values that searches compare and that are public: class, label and id.
/// Other values may be long, or contain a secret by mistake.
impl fmt::Display for Template<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (attribute, value)) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(f, "{separator}{}", attribute_name(*attribute))?;
            let value = &value[..value.len().min(LONGEST_VALUE)];
            match *attribute {
                CKA_CLASS => {
                    if let Some(class) = number(value).and_then(Class::from_number) {
                        write!(f, "={}", class.name())?;
                    }
                }
                CKA_LABEL => write!(f, "='{}'", shown(&String::from_utf8_lossy(value)))?,
                CKA_ID => write!(f, "={}", HEXLOWER.encode(value))?,
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_shows_names_and_only_public_values() {
        let class = CKO_PRIVATE_KEY.to_ne_bytes();
        let template = Template(vec![
            (CKA_CLASS, &class),
            (CKA_LABEL, b"a\nb"),
            (CKA_ID, &[0xab, 1]),
            (CKA_VALUE, b"secret"),
            (0x7fff_0001, b"secret"),
        ]);
        let text = "CKA_CLASS=CKO_PRIVATE_KEY, CKA_LABEL='a\\u{a}b', CKA_ID=ab01, CKA_VALUE, 0x7fff0001";
        assert_eq!(template.to_string(), text);
        assert_eq!(Template::default().to_string(), "");
    }
}
