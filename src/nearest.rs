//! Suggestions for misspelt names.

/// The known name that is most similar to an unknown one, if it is similar enough: one letter in three may be wrong,
/// plus one. Case is ignored.
pub fn nearest<T: AsRef<str>>(name: &str, known: impl IntoIterator<Item = T>) -> Option<T> {
    within(1 + name.len() / 3, name, known)
}

/// The same, with a limit for the number of wrong letters.
pub fn within<T: AsRef<str>>(wrong: usize, name: &str, known: impl IntoIterator<Item = T>) -> Option<T> {
    let name = name.to_lowercase();
    let far = |known: &T| strsim::damerau_levenshtein(&name, &known.as_ref().to_lowercase());
    let near = known.into_iter().map(|known| (far(&known), known)).min_by_key(|(far, _)| *far);
    near.filter(|(far, _)| *far <= wrong).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_slip_leads_to_the_one_that_was_meant() {
        let known = ["release-key", "nightly-key"];
        for name in ["relase-key", "Release-Key", "release_key", "releasekey"] {
            assert_eq!(nearest(name, known), Some("release-key"), "{name}");
        }
    }

    #[test]
    fn one_letter_in_three_may_be_wrong_and_one_more() {
        for (name, known, found) in
            [("ax", "ab", true), ("xy", "ab", false), ("abcxyz", "abcdef", true), ("abwxyz", "abcdef", false)]
        {
            assert_eq!(nearest(name, [known]).is_some(), found, "{name}");
        }
    }

    #[test]
    fn a_name_that_is_like_none_leads_nowhere() {
        assert_eq!(nearest("colour", ["keypair", "token"]), None);
        assert_eq!(nearest("x", [] as [&str; 0]), None);
    }
}
