//! What does an error of Redis mean for the fleet?

use redis::{ErrorKind, RedisError};

use crate::switchboard::fleet::FleetError;

/// Codes of Redis's error answers, and what they say.
const CODES: [(&str, FleetError); 17] = [
    ("READONLY", FleetError::ReadOnly),
    ("MISCONF", FleetError::ReadOnly), // can't write its own disk
    ("NOREPLICAS", FleetError::ReadOnly),
    ("OOM", FleetError::Full),
    ("NOAUTH", FleetError::Refused),
    ("WRONGPASS", FleetError::Refused),
    ("NOPERM", FleetError::Refused),
    ("DENIED", FleetError::Refused), // protected mode
    ("BUSY", FleetError::TimedOut),  // a script of somebody else
    ("LOADING", FleetError::Unreachable),
    ("MASTERDOWN", FleetError::Unreachable),
    ("CLUSTERDOWN", FleetError::Unreachable),
    ("TRYAGAIN", FleetError::Unreachable),
    ("MOVED", FleetError::Unreachable),
    ("ASK", FleetError::Unreachable),
    ("WRONGTYPE", FleetError::Malformed),
    ("TOOLARGE", FleetError::Malformed), // of our own scripts
];

/// The fleet's word for an error.
pub(super) fn of(error: &RedisError) -> FleetError {
    if let Some(code) = error.code() {
        return of_code(code)
            .or_else(|| in_script(error.detail()?))
            .unwrap_or(FleetError::Malformed);
    }
    let is = |kinds: &[ErrorKind]| kinds.contains(&error.kind());
    if error.is_timeout() {
        FleetError::TimedOut
    } else if is(&[ErrorKind::AuthenticationFailed]) {
        FleetError::Refused
    } else if is(&[ErrorKind::Parse, ErrorKind::UnexpectedReturnType]) {
        FleetError::Malformed
    } else {
        FleetError::Unreachable
    }
}

/// Whether the connection that gave the error may still be of use.
pub(super) fn keeps_connection(error: &RedisError) -> bool {
    let answered = error.code().is_some() || error.kind() == ErrorKind::UnexpectedReturnType;
    answered && matches!(of(error), FleetError::Malformed | FleetError::Full)
}

fn of_code(code: &str) -> Option<FleetError> {
    let known = CODES.iter().find(|(known, _)| *known == code);
    known.map(|(_, flaw)| *flaw)
}

/// Before Redis 7 what a command in a script answered stands behind "Error running script".
fn in_script(detail: &str) -> Option<FleetError> {
    let words = detail.split_ascii_whitespace();
    let mut codes = words.map(|word| word.trim_start_matches('-'));
    detail
        .contains("@user_script")
        .then(|| codes.find_map(of_code))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(line: &str) -> RedisError {
        let answer = redis::parse_redis_value(format!("-{line}\r\n").as_bytes());
        answer.unwrap().extract_error().unwrap_err()
    }

    #[test]
    fn answers_are_told_apart() {
        let table = [
            (
                "READONLY You can't write against a read only replica.",
                FleetError::ReadOnly,
            ),
            ("OOM command not allowed", FleetError::Full),
            ("NOAUTH Authentication required.", FleetError::Refused),
            ("NOPERM no permission", FleetError::Refused),
            ("LOADING Redis is loading", FleetError::Unreachable),
            ("CLUSTERDOWN The cluster is down", FleetError::Unreachable),
            ("MISCONF Redis is configured to save", FleetError::ReadOnly),
            ("WRONGTYPE Operation", FleetError::Malformed),
            ("ERR value is not an integer", FleetError::Malformed),
            ("SOMETHING new", FleetError::Malformed),
            (
                "ERR Error running script (call to f_1): @user_script:3: @user_script: 3: \
                 -OOM command not allowed",
                FleetError::Full,
            ),
            (
                "ERR Error running script (call to f_1): @user_script:3: OOM command not allowed",
                FleetError::Full,
            ),
            ("ERR no such OOM thing", FleetError::Malformed),
        ];
        for (line, expected) in table {
            assert_eq!(of(&answered(line)), expected, "{line}");
        }
    }
}
