//! Organisation codes (I8, GB 32100): 18 characters, of which the last checks the others. Real ones exist that fail.

/// The characters by their values: no I, O, S, V, Z.
const CHARACTERS: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// A code as it is printed: upper case, without spaces.
///
/// # Errors
/// What it must look like.
pub fn parse(said: &str) -> Result<String, String> {
    let code: String = said.chars().filter(|sign| !sign.is_whitespace()).collect::<String>().to_uppercase();
    let known = code.bytes().all(|sign| CHARACTERS.contains(&sign));
    if code.len() != 18 || !known {
        return Err("must be 18 digits and capital letters without I, O, S, V and Z (GB 32100)".to_owned());
    }
    Ok(code)
}

/// Whether the last character of a code is the check of the others: weights are the powers of 3, modulo 31.
#[must_use]
pub fn checks(code: &str) -> bool {
    let values: Option<Vec<usize>> =
        code.bytes().map(|sign| CHARACTERS.iter().position(|known| *known == sign)).collect();
    let Some((check, values)) = values.as_deref().and_then(<[usize]>::split_last) else { return false };
    let (sum, _) = values.iter().fold((0, 1), |(sum, weight), value| (sum + value * weight, weight * 3 % 31));
    values.len() == 17 && (31 - sum % 31) % 31 == *check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i8_the_code_of_the_rules_is_valid_and_any_other_last_character_fails() {
        assert!(checks("91110000101623741K"));
        for other in CHARACTERS.iter().filter(|sign| **sign != b'K') {
            assert!(!checks(&format!("91110000101623741{}", char::from(*other))));
        }
    }

    #[test]
    fn i8_characters_that_no_code_has_are_refused() {
        assert_eq!(parse(" 9111 0000101623741k").as_deref(), Ok("91110000101623741K"));
        for wrong in
            ["", "91110000101623741", "91110000101623741KK", "9111000010162374IK", "9111000010162374ZK"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
