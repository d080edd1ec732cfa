//! Can clients prove that a token is theirs, where they have to?

use std::time::Duration;

use crate::config::document::Document;
use crate::config::fit::duration;
use crate::config::mistakes::Mistakes;
use crate::config::words;

/// Longest times: a proof is used at once, and remembered for as long as it counts.
const LONGEST: [(&str, Duration, &str); 2] = [
    ("/dpop/max_age", Duration::from_secs(300), "5m"),
    ("/dpop/ahead", Duration::from_secs(60), "60s"),
];

/// Checks the times, and that a surface that demands proofs can read them.
pub(super) fn check(config: &Document, mistakes: &mut Mistakes) {
    for (pattern, longest, written) in LONGEST {
        for span in config.matching(pattern) {
            if duration(&span).is_some_and(|span| span > longest) {
                let (key, found) = (span.key(), words::value(span.value()));
                let text = format!("`{key}` wants at most `{written}`, not {found}");
                mistakes.add(span.place(), text);
            }
        }
    }
    for demand in config.matching("/surfaces/*/bound_tokens") {
        let provable = config.root().has("dpop") || config.root().has("certificates");
        if demand.text() == Some("required") && !provable {
            let key = demand.key();
            let text = format!(
                "`{key} = \"required\"` needs `dpop` or `certificates`: how tokens are proven"
            );
            mistakes.add(demand.place(), text);
        }
    }
}
