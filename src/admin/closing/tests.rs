//! Is every closure that can't be meant refused, with the nearest name?

use super::*;
use crate::admin::Belongs;

fn names() -> Names {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Names {
        surfaces: [("mobile-v1", false), ("portal", true), ("dealer", true)]
            .map(|(name, protected)| (name.to_owned(), protected))
            .into(),
        routes: [
            ("mobile-v1.climate-start", "mobile-v1", "telematics"),
            ("portal.login", "portal", "pages"),
        ]
        .map(|(id, surface, upstream)| {
            let (surface, upstream) = (surface.to_owned(), upstream.to_owned());
            let actions = ["StartClimate".to_owned(), "Comfort".to_owned()].into();
            let belongs = Belongs {
                surface,
                upstream,
                actions,
                versions: (id == "mobile-v1.climate-start").then(|| ["v1".to_owned()].into()),
            };
            (id.to_owned(), belongs)
        })
        .into(),
        upstreams: set(&["telematics", "pages"]),
        issuers: set(&["owners"]),
        terms: [].into(),
        regions: set(&["NE"]),
        actions: set(&["StartClimate", "Comfort", "Security"]),
    }
}

fn asked(scope: &str) -> Asked {
    Asked {
        scope: serde_json::from_str(scope).unwrap(),
        state: crate::switchboard::Shut::Closed,
        reason: "a leak".to_owned(),
        texts: Texts::new(),
        notice: None,
        ticket: None,
        owner: None,
        seconds: None,
        at_expiry: crate::switchboard::AtExpiry::Hold,
        drain: crate::switchboard::Drain::Gentle,
        confirm: None,
        break_glass: false,
        dry_run: false,
    }
}

fn refusal(asked: &Asked) -> (u16, String) {
    let problem = serde_json::to_value(check(asked, &names()).unwrap_err()).unwrap();
    let status = u16::try_from(problem["status"].as_u64().unwrap()).unwrap();
    (status, problem["detail"].as_str().unwrap().to_owned())
}

#[test]
fn known_names_pass() {
    let long = "a".repeat(NAME);
    let table = [
        r#"{"surfaces":["mobile-v1"]}"#.to_owned(),
        r#"{"routes":["portal.login"],"upstreams":["telematics","pages"]}"#.to_owned(),
        r#"{"surfaces":["mobile-v1","portal"],"upstreams":["telematics"]}"#.to_owned(),
        r#"{"clients":["app"],"subjects":["owners/a/b c"]}"#.to_owned(),
        r#"{"vehicles":["SJNFAAZE0U6012345"]}"#.to_owned(),
        r#"{"all":true}"#.to_owned(),
        r#"{"regions":["NE"],"actions":["Comfort"],"client_versions":["v1"]}"#.to_owned(),
        format!(r#"{{"clients":["{long}"]}}"#),
    ];
    for scope in table {
        let mut asked = asked(&scope);
        asked.confirm = Some("portal".to_owned());
        assert_eq!(check(&asked, &names()), Ok(()), "{scope}");
    }
}

#[test]
fn names_that_do_not_exist_are_refused_with_the_nearest() {
    let table = [
        (
            r#"{"surfaces":["mobil-v1"]}"#,
            "unknown surface `mobil-v1`, did you mean `mobile-v1`",
        ),
        (
            r#"{"routes":["portal.logn"]}"#,
            "did you mean `portal.login`",
        ),
        (
            r#"{"upstreams":["Telematics"]}"#,
            "did you mean `telematics`",
        ),
        (
            r#"{"subjects":["owner/s"]}"#,
            "unknown issuer `owner`, did you mean `owners`",
        ),
        (r#"{"subjects":["owners"]}"#, "ISSUER/SUBJECT"),
        (r#"{"subjects":["owners/"]}"#, "ISSUER/SUBJECT"),
        (r#"{"subjects":["owners/a\u0000"]}"#, "ISSUER/SUBJECT"),
        (r#"{"clients":[""]}"#, "a client is 1 to 256 characters"),
        (r#"{"clients":["a\n"]}"#, "a client is 1 to 256 characters"),
        (
            r#"{"vehicles":["SJNF","SJNFAAZE0U6012345"]}"#,
            "1 of 2 vehicles are no VINs",
        ),
        (
            r#"{"routes":["portal.login"],"upstreams":["telematics"]}"#,
            "it would close nothing",
        ),
        (
            r#"{"surfaces":["portal"],"upstreams":["telematics"]}"#,
            "it would close nothing",
        ),
        (
            r#"{"regions":["NNE"]}"#,
            "unknown region `NNE`, did you mean `NE`",
        ),
        (r#"{"actions":["Confort"]}"#, "did you mean `Comfort`"),
        (
            r#"{"surfaces":["portal"],"client_versions":["v1"]}"#,
            "it would close nothing",
        ),
        (r#"{"client_versions":["v2"]}"#, "it would close nothing"),
        (r#"{"actions":["Security"]}"#, "it would close nothing"),
        (r#"{"tenants":[""]}"#, "a tenant is 1 to 256 characters"),
        (r#"{"all":true,"regions":["NE"]}"#, "something beside `all`"),
        ("{}", "name what to close"),
        (r#"{"surfaces":[]}"#, "name what to close"),
    ];
    for (scope, expected) in table {
        let (status, detail) = refusal(&asked(scope));
        assert_eq!(status, 422, "{scope}");
        assert!(detail.contains(expected), "{scope}: {detail}");
        assert!(!detail.contains("SJNF"), "{detail}");
    }
}

#[test]
fn all_mistakes_are_told_together() {
    let mut asked = asked(r#"{"surfaces":["mobil-v1"],"routes":["x"]}"#);
    asked.reason = " ".to_owned();
    let (_, detail) = refusal(&asked);
    for expected in ["mobil-v1", "unknown route `x`", "a reason is required"] {
        assert!(detail.contains(expected), "{detail}");
    }
}

#[test]
fn texts_and_times_have_bounds() {
    type Change = fn(&mut Asked);
    let table: [(Change, Option<&str>); 12] = [
        (
            |asked| asked.reason = String::new(),
            Some("a reason is required"),
        ),
        (|asked| asked.reason = "ü".repeat(500), None),
        (
            |asked| asked.reason = "ü".repeat(501),
            Some("the reason has `501` characters"),
        ),
        (
            |asked| asked.reason = "a\x1b[2J".to_owned(),
            Some("the reason has control"),
        ),
        (
            |asked| asked.texts = Texts::from([("en".to_owned(), "x".repeat(501))]),
            Some("the message has `501`"),
        ),
        (
            |asked| asked.texts = Texts::from([("en".to_owned(), "a\r\nb".to_owned())]),
            Some("the message has control"),
        ),
        (
            |asked| asked.texts = Texts::from([("e n".to_owned(), "a".to_owned())]),
            Some("`e n` is no language tag"),
        ),
        (
            |asked| asked.texts = Texts::from([("zh-Hant-TW".to_owned(), "a".to_owned())]),
            None,
        ),
        (
            |asked| asked.ticket = Some("\n".to_owned()),
            Some("the ticket is"),
        ),
        (|asked| asked.seconds = Some(0), Some("not `0`")),
        (
            |asked| asked.seconds = Some(31_622_401),
            Some("not `31622401`"),
        ),
        (|asked| asked.seconds = Some(31_622_400), None),
    ];
    for (change, expected) in table {
        let mut asked = asked(r#"{"surfaces":["mobile-v1"]}"#);
        change(&mut asked);
        match expected {
            Some(expected) => assert!(refusal(&asked).1.contains(expected), "{expected}"),
            None => assert_eq!(check(&asked, &names()), Ok(())),
        }
    }
}
