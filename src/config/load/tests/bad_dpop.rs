//! Every mistake that proofs of possession can have, one a row.

use super::{CONFIG, Estate, ROUTES};

/// What is set, and every mistake that follows.
const ROWS: &[(&[&str], &[&str])] = &[
    (&["dpop={ store = \"local\" }"], &[]),
    (
        &["dpop={ store = \"local\", max_age = \"5m\", ahead = \"0s\", nonce = \"required\" }"],
        &[],
    ),
    (
        &[
            "dpop={ store = \"local\" }",
            "surfaces.portal.bound_tokens=required",
        ],
        &[],
    ),
    (&["surfaces.portal.bound_tokens=as-issued"], &[]),
    (
        &["surfaces.portal.bound_tokens=required"],
        &[
            "--set surfaces.portal.bound_tokens: `surfaces.portal.bound_tokens = \"required\"` needs `dpop` or `certificates`: how tokens are proven",
        ],
    ),
    (
        &["surfaces.portal.bound_tokens=maybe"],
        &[
            "--set surfaces.portal.bound_tokens: `surfaces.portal.bound_tokens` wants `as-issued` or `required`, not `maybe`",
        ],
    ),
    (&["dpop={}"], &["--set dpop: missing key `store`"]),
    (
        &["dpop={ store = \"local\", window = \"1m\" }"],
        &["--set dpop: unknown key `window`, known are `store`, `max_age`, `ahead` and `nonce`"],
    ),
    (
        &["dpop={ store = \"local\", max_age = \"0s\" }"],
        &["--set dpop: `dpop.max_age` must be above zero"],
    ),
    (
        &["dpop={ store = \"local\", max_age = \"301s\", ahead = \"61s\" }"],
        &[
            "--set dpop: `dpop.ahead` wants at most `60s`, not `61s`",
            "--set dpop: `dpop.max_age` wants at most `5m`, not `301s`",
        ],
    ),
    (
        &["dpop={ store = \"redis\" }"],
        &["--set dpop: `dpop.store = \"redis\"` needs `switches.fleet_key_file`"],
    ),
    (
        &[
            "dpop={ store = \"redis\" }",
            "switches.fleet_key_file=fleet.key",
        ],
        &[],
    ),
];

#[test]
fn each_mistake_is_told_with_its_key_and_words() {
    for (set, expected) in ROWS {
        let told = Estate::new(CONFIG, ROUTES).mistakes(set);
        assert_eq!(told, *expected, "{set:?}");
    }
}
