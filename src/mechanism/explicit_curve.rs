//! Explicit EC domain parameters (SEC 1, C.2 "SpecifiedECDomain"), and the named curve that they describe.
//!
//! OpenSSL writes them for keys from a provider, and some certificates contain them. The curve is the same.

use super::curve::{CURVES, Curve};
use crate::der::{next, strip_zeros};
use data_encoding::HEXLOWER;

/// The named curve with these parameters, which are the content of the SEQUENCE.
pub fn named(parameters: &[u8]) -> Option<&'static Curve> {
    let (0x02, _version, rest) = next(parameters)? else { return None };
    let (0x30, field, rest) = next(rest)? else { return None };
    let (0x30, coefficients, rest) = next(rest)? else { return None };
    let (0x04, generator, rest) = next(rest)? else { return None };
    let (0x02, order, _cofactor) = next(rest)? else { return None };
    let (0x06, _prime_field, field) = next(field)? else { return None };
    let (0x02, prime, _) = next(field)? else { return None };
    let (0x04, a, coefficients) = next(coefficients)? else { return None };
    let (0x04, b, _seed) = next(coefficients)? else { return None };
    let (form, point) = generator.split_first()?;
    let x = if *form == 4 { &point[..point.len() / 2] } else { point };
    let hex = |number: &[u8]| HEXLOWER.encode(number).trim_start_matches('0').to_owned();
    let given = [prime, a, b, x, order].map(|number| hex(strip_zeros(number)));
    CURVES.iter().find(|curve| given.iter().eq(curve.domain.iter()))
}

/// `openssl ecparam -name CURVE -param_enc explicit -outform DER`, the last with `-conv_form compressed`.
#[cfg(test)]
pub const OPENSSL: [(&str, &str); 4] = [
    (
        "P-256",
        "MIH3AgEBMCwGByqGSM49AQECIQD/////AAAAAQAAAAAAAAAAAAAAAP///////////////zBbBCD/////AAAAAQAAAAAAAAAAAAAA\
         AP///////////////AQgWsY12Ko6k+ez671VdpiGvGUdBrDMU7D2O848PifSYEsDFQDEnTYIhucEk2pmeOETnSa3gZ9+kARBBGsX\
         0fLhLEJH+Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT+NC4v4af5uO5+tKfA+eFivOM1drMV7Oy7ZAaDe/UfUCIQD/////AAAAAP//\
         ////////vOb6racXnoTzucrC/GMlUQIBAQ==",
    ),
    (
        "P-256",
        "MIHXAgEBMCwGByqGSM49AQECIQD/////AAAAAQAAAAAAAAAAAAAAAP///////////////zBbBCD/////AAAAAQAAAAAAAAAAAAAA\
         AP///////////////AQgWsY12Ko6k+ez671VdpiGvGUdBrDMU7D2O848PifSYEsDFQDEnTYIhucEk2pmeOETnSa3gZ9+kAQhA2sX\
         0fLhLEJH+Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWAiEA/////wAAAAD//////////7zm+q2nF56E87nKwvxjJVECAQE=",
    ),
    (
        "P-384",
        "MIIBVwIBATA8BgcqhkjOPQEBAjEA//////////////////////////////////////////7/////AAAAAAAAAAD/////MHsEMP//\
         ///////////////////////////////////////+/////wAAAAAAAAAA/////AQwszEvp+I+5+SYjgVr4/gtGRgdnG7+gUESAxQI\
         j1ATh1rGVjmNii7RnSqFyO3T7CrvAxUAozWSaqMZonodAIlqZ3OkgnrNrHMEYQSqh8oivosFN46xxx7zIK10bh07Younm5hZ90Hg\
         glQqOFUC8l2/VSlsOlReOHJ2Crc2F95KliYsb12emL+Sktwp+PQdvSiaFHzp2jETtfC4wApgsc4dfoGdekMdfJDqDl8CMQD/////\
         ///////////////////////////HY02B9Dct31gaDbJIsKd67OwZaszFKXMCAQE=",
    ),
    (
        "P-521",
        "MIIBwwIBATBNBgcqhkjOPQEBAkIB////////////////////////////////////////////////////////////////////////\
         //////////////8wgZ8EQgH/////////////////////////////////////////////////////////////////////////////\
         /////////ARCAFGVPrlhjhyaH5KaIaC2hUDuotpyW5mzFfO4tImRjvEJ4VYZOVHsfpN7FlLAvTuxvwc1c9+IPSw08e9FH9RrUD8A\
         AxUA0J6IACkcuFOWzGcXOTKEqqDaZLoEgYUEAMaFjga3BATpzZ4+y2YjlbRCnGSBOQU/tSH4KK9ga009uqFLXnfv51ko/h3BJ6L/\
         qN4zSLPBhWpCm/l+fjHC5b1mARg5KWp4mjvABFyKX7QsfRvZmPVESVebRGgXr70XJz5mLJfucple9CZAxVC5AT+tB2E1PHCGonLC\
         QIi+lHaf0WZQAkIB///////////////////////////////////////////6UYaHg78vlmt/zAFI9wml0Du1ybiJnEeuu2+3HpE4\
         ZAkCAQE=",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn parameters_of_openssl_are_their_curves() {
        for (name, text) in OPENSSL {
            let der = STANDARD.decode(text).unwrap();
            let (0x30, content, []) = next(&der).unwrap() else { panic!("{name}") };
            assert_eq!(named(content).unwrap().name, name);
            for end in 0..content.len() - 3 {
                assert!(named(&content[..end]).is_none_or(|curve| curve.name == name));
                let mut changed = content.to_vec();
                changed[end] ^= 1;
                // Version, seed and cofactor do not identify the curve.
                let _ = named(&changed);
            }
        }
    }

    #[test]
    fn another_curve_is_not_taken_for_one_of_these() {
        let der = STANDARD.decode(OPENSSL[0].1).unwrap();
        let content = next(&der).unwrap().1;
        for number in CURVES[0].domain {
            let number: Vec<u8> =
                (0..32).map(|place| u8::from_str_radix(&number[2 * place..2 * place + 2], 16).unwrap()).collect();
            let place = content.windows(32).position(|window| window == number).unwrap();
            let mut changed = content.to_vec();
            changed[place + 31] ^= 2;
            assert!(named(&changed).is_none());
        }
    }
}
