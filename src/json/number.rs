//! Whether a number's text lies within a double's range, exactly, however long the text is.

/// Significant digits beyond these decide nothing but whether there are any: the halfway points
/// between doubles have no more than 767 of them.
const DIGITS_MAX: usize = 800;

/// Whether `number`, which is sound JSON, rounds to a finite double.
pub(super) fn is_in_range(number: &str) -> bool {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let mantissa = mantissa.trim_start_matches('-');
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    let Some(zeros) = digits().position(|digit| digit != b'0') else { return true };
    // The value lies from 10^(magnitude - 1) up to 10^magnitude.
    let magnitude = (whole.len() as i64 - zeros as i64).saturating_add(saturating(exponent));
    if magnitude != 309 {
        return magnitude < 309;
    }
    // Only here, around the largest double of about 1.8e308, do the digits themselves matter. The
    // standard library's parser gets a text of bearable length: it gives up on exponents beyond 65,535.
    let mut text: String = digits().skip(zeros).take(DIGITS_MAX).map(char::from).collect();
    if digits().skip(zeros + DIGITS_MAX).any(|digit| digit != b'0') {
        text.push('1');
    }
    format!("0.{text}e309").parse::<f64>().is_ok_and(f64::is_finite)
}

/// An exponent; one that does not fit is as good as the largest or smallest that does.
fn saturating(exponent: &str) -> i64 {
    let size = exponent.trim_start_matches(['+', '-']).trim_start_matches('0');
    let size = if size.is_empty() { 0 } else { size.parse().unwrap_or(i64::MAX) };
    if exponent.starts_with('-') { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::is_in_range;

    /// 2^1024 - 2^970, halfway between the largest double and what would be the next: it rounds to infinity.
    const EDGE: &str = "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977\
                        587207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845\
                        817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711559\
                        699508093042880177904174497792";

    #[test]
    fn the_edge_is_that_of_a_double() {
        let below = EDGE.replace("497792", "497791");
        assert!(!is_in_range(EDGE) && is_in_range(&below));
        // The same edge with the point anywhere, and with what decides behind any number of digits.
        assert!(is_in_range(&format!("-{}.{}e300", &below[..9], &below[9..])));
        assert!(!is_in_range(&format!("-{}.{}e300", &EDGE[..9], &EDGE[9..])));
        let nines = "9".repeat(5000);
        assert!(is_in_range(&format!("{below}.{nines}")));
        assert!(!is_in_range(&format!("{EDGE}.{}1", "0".repeat(5000))));
    }

    #[test]
    fn length_does_not_matter() {
        let zeros = "0".repeat(1_000_000);
        for (number, expected) in [
            (format!("0.{zeros}1e2000000"), false),
            (format!("0.{zeros}1e1000309"), true),
            (format!("0.{zeros}1e1000310"), false),
            (format!("0.{zeros}17e1000310"), false),
            (format!("1{zeros}e-1000000"), true),
            (format!("1{zeros}e-999692"), true),
            (format!("1{zeros}e-999691"), false),
            (format!("0.{zeros}e9{zeros}"), true),
            (format!("1e-9{zeros}"), true),
            (format!("1e9{zeros}"), false),
            (String::from("1e309"), false),
            (String::from("-1E+308"), true),
            (String::from("1e0000000000000000000000308"), true),
            (String::from("0e999999999999999999999999"), true),
        ] {
            assert_eq!(is_in_range(&number), expected, "{}…{}", &number[..4], &number[number.len() - 8..]);
        }
    }
}
