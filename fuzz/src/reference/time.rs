//! RFC 3339 as docs/EVENTS.md has it.

/// The time as it comes out, 27 characters; `None` where it is refused.
pub fn time(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let marks = [(4, b"--"), (7, b"--"), (10, b"Tt"), (13, b"::"), (16, b"::")];
    if marks.iter().any(|(at, marks)| !bytes.get(*at).is_some_and(|byte| marks.contains(byte))) {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = bytes.get(from..to).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
        std::str::from_utf8(digits).ok()?.parse::<i64>().ok()
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut zone_at = 19;
    let mut micros = 0;
    if bytes.get(19) == Some(&b'.') {
        let digits = bytes[20..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        zone_at = 20 + digits;
        for place in 0..6 {
            micros = micros * 10 + if place < digits { i64::from(bytes[20 + place] - b'0') } else { 0 };
        }
    }
    let offset = match bytes.get(zone_at)? {
        b'Z' | b'z' if bytes.len() == zone_at + 1 => 0,
        sign @ (b'+' | b'-') if bytes.len() == zone_at + 6 && bytes[zone_at + 3] == b':' => {
            let (hours, minutes) = (number(zone_at + 1, zone_at + 3)?, number(zone_at + 4, zone_at + 6)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'+' { 1 } else { -1 }
        }
        _ => return None,
    };
    in_utc([year, month, day], hour * 60 + minute - offset, second, micros)
}

/// The date, moved by minutes that may lie in the day before or behind.
fn in_utc([mut year, mut month, mut day]: [i64; 3], mut minutes: i64, second: i64, micros: i64) -> Option<String> {
    const DAY: i64 = 24 * 60;
    if minutes < 0 {
        minutes += DAY;
        day -= 1;
    } else if minutes >= DAY {
        minutes -= DAY;
        day += 1;
    }
    if day == 0 {
        month -= 1;
        if month == 0 {
            (year, month) = (year - 1, 12);
        }
        day = days_in(year, month);
    } else if day > days_in(year, month) {
        (month, day) = (month + 1, 1);
        if month == 13 {
            (year, month) = (year + 1, 1);
        }
    }
    let (hour, minute) = (minutes / 60, minutes % 60);
    let written = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z");
    (0..=9999).contains(&year).then_some(written)
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
