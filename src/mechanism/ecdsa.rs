//! The two encodings of an ECDSA signature: DER `SEQUENCE { r, s }`, which the service sends, and `r || s` in halves as
//! long as the curve's order, which the standard requires (PKCS#11 3.2, 6.3.1).

use crate::der::next;

/// `r || s` from the service's signature in DER or in raw form. `None` for anything else.
pub fn to_raw(answer: &[u8], half: usize) -> Option<Vec<u8>> {
    if let Some(raw) = from_der(answer, half) {
        return Some(raw);
    }
    (answer.len() == 2 * half).then(|| answer.to_vec())
}

/// `r || s` in full halves, from the shorter form: "the signature may have a shorter length but must be composed as
/// specified" (6.3.1). That means two halves of equal length, without the leading zeros that both have. `None` if it is
/// not a shorter form.
pub fn lengthen(short: &[u8], half: usize) -> Option<Vec<u8>> {
    let len = short.len() / 2;
    if len == 0 || len >= half || !short.len().is_multiple_of(2) {
        return None;
    }
    let mut full = vec![0; 2 * half];
    full[half - len..half].copy_from_slice(&short[..len]);
    full[2 * half - len..].copy_from_slice(&short[len..]);
    Some(full)
}

fn from_der(der: &[u8], half: usize) -> Option<Vec<u8>> {
    let (0x30, body, []) = next(der)? else { return None };
    let (0x02, r, rest) = next(body)? else { return None };
    let (0x02, s, []) = next(rest)? else { return None };
    let mut raw = vec![0; 2 * half];
    put(r, &mut raw[..half])?;
    put(s, &mut raw[half..])?;
    Some(raw)
}

/// `r || s` in DER, the form that messages contain.
#[cfg(any(windows, test))]
pub fn to_der(raw: &[u8]) -> Vec<u8> {
    let (r, s) = raw.split_at(raw.len() / 2);
    crate::der::element(0x30, &[crate::der::integer(r), crate::der::integer(s)].concat())
}

/// A positive INTEGER, right-aligned; superfluous leading zeros are accepted.
fn put(integer: &[u8], place: &mut [u8]) -> Option<()> {
    if integer.first().is_none_or(|first| first & 0x80 != 0) {
        return None;
    }
    let start = integer.iter().position(|byte| *byte != 0)?;
    let digits = &integer[start..];
    let at = place.len().checked_sub(digits.len())?;
    place[at..].copy_from_slice(digits);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
        let mut body = vec![0x02, r.len() as u8];
        body.extend(r);
        body.extend([0x02, s.len() as u8]);
        body.extend(s);
        let mut whole = vec![0x30];
        if body.len() > 0x7f {
            whole.push(0x81);
        }
        whole.push(body.len() as u8);
        whole.extend(body);
        whole
    }

    #[test]
    fn high_bits_short_numbers_and_long_curves_come_out_in_full_halves() {
        let mut r = vec![0];
        r.extend([0xff; 32]);
        let raw = to_raw(&der(&r, &[1]), 32).unwrap();
        assert_eq!(raw[..32], [0xff; 32]);
        assert_eq!((raw[63], &raw[32..63]), (1, &[0u8; 31][..]));
        let raw = to_raw(&der(&[1; 66], &[2; 66]), 66).unwrap();
        assert_eq!((raw.len(), raw[0], raw[66]), (132, 1, 2));
    }

    #[test]
    fn der_of_raw_is_raw_again() {
        for raw in [[0xff; 64], [1; 64], {
            let mut raw = [0; 64];
            raw[31] = 5;
            raw[63] = 0x80;
            raw
        }] {
            assert_eq!(to_raw(&to_der(&raw), 32).unwrap(), raw);
        }
    }

    #[test]
    fn a_raw_answer_is_taken_as_it_is() {
        assert_eq!(to_raw(&[7; 64], 32).unwrap(), vec![7; 64]);
    }

    #[test]
    fn a_short_form_has_two_halves_of_one_length() {
        assert_eq!(lengthen(&[1, 2, 3, 4], 3).unwrap(), [0, 1, 2, 0, 3, 4]);
        assert_eq!(lengthen(&[1, 2], 32).unwrap()[31..], [[1].as_slice(), &[0; 31], &[2]].concat());
        for len in [0, 1, 3, 63, 64, 65, 66] {
            assert_eq!(lengthen(&vec![1; len], 32), None, "{len}");
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        for bad in
            [&b""[..], &[0x30], &[0x30, 0x00], &[7; 63], &der(&[0x80], &[1]), &der(&[1; 33], &[1]), &der(&[0], &[1])]
        {
            assert_eq!(to_raw(bad, 32), None, "{bad:02x?}");
        }
        let mut trailing = der(&[1], &[1]);
        trailing.push(0);
        assert_eq!(to_raw(&trailing, 32), None);
    }
}
