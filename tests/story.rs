//! Could it have gone otherwise in 2016?
//!
//! The estate as it was, three real replicas of the gateway before it, a real Redis between them, and
//! the real client of then. The attack is refused; what leaks is closed in one command, everywhere;
//! the portal stays up and says what is the matter; then it goes into maintenance alone, and comes
//! back by a ramp.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper that fails is a test that fails"
)]

mod support;
#[path = "story/fleet.rs"]
mod fleet;

use fleet::Fleet;

const PRESETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/leaf/switches");

#[test]
fn the_story_of_2016_told_again() {
    let fleet = Fleet::start();
    let before = fleet.portal_answers(0);
    assert!(before.iter().all(|(_, status)| *status < 500), "{before:?}");
    the_attack_is_refused(&fleet);
    fleet.app(0, "served.py", &[]); // the owner's app works

    let preset = format!("{PRESETS}/mobile-v1.toml");
    let closed = fleet.switch(
        0,
        &[
            "close",
            "--preset",
            &preset,
            "--reason",
            "the app leaks",
            "--wait",
        ],
    );
    assert!(closed.contains("3/3 closed in"), "{closed}");
    the_app_stops_cleanly(&fleet);
    let preset = format!("{PRESETS}/third-parties.toml");
    let closed = fleet.switch(
        2,
        &[
            "close",
            "--preset",
            &preset,
            "--reason",
            "to be sure",
            "--wait",
        ],
    );
    assert!(closed.contains("3/3 closed in"), "{closed}");

    assert_eq!(fleet.portal_answers(1), before, "the portal is as it was");
    the_portal_says_what_is_the_matter(&fleet);
    the_portal_goes_into_maintenance_and_comes_back(&fleet);

    let history = fleet.switch(1, &["history"]);
    for line in [
        "the app leaks",
        "to be sure",
        "a new release",
        "restore by",
        "open by",
    ] {
        assert!(history.contains(line), "{line}:\n{history}");
    }
    let verified = fleet.verify(1);
    assert!(verified.status.success(), "{verified:?}");
}

/// Each call of the app is one request and one error.
fn the_app_stops_cleanly(fleet: &Fleet) {
    let calls = fleet.app(1, "everything.py", &["with-login"]);
    for (name, call) in calls.as_object().unwrap() {
        assert_eq!(call["raised"], "CarwingsError", "{name}: {call}");
        assert_eq!(call["requests"], 1, "{name}: {call}");
    }
}

fn the_portal_says_what_is_the_matter(fleet: &Fleet) {
    for replica in 0..3 {
        let page = fleet.page(replica, "/owners/login", None);
        let notice = "The mobile app is currently unavailable.";
        assert!(page.text().contains(notice), "{}", page.text());
        assert!(page.text().contains("Log in"), "{}", page.text());
        assert!(page.header("vingate-notice").unwrap().contains(notice));
    }
}

#[test]
fn every_preset_names_what_is_there_and_closes_in_one_command() {
    let fleet = Fleet::start();
    let mut count = 0;
    for entry in std::fs::read_dir(PRESETS).unwrap() {
        let preset = entry.unwrap().path();
        let text = std::fs::read_to_string(&preset).unwrap();
        let verb = if text.contains("state = \"read-only\"") {
            "readonly"
        } else {
            "close"
        };
        let mut words = vec![
            verb,
            "--preset",
            preset.to_str().unwrap(),
            "--reason",
            "r",
            "--wait",
        ];
        if preset.ends_with("maintenance.toml") {
            words.extend(["--confirm-name", "portal"]);
        }
        let closed = fleet.switch(0, &words);
        assert!(closed.contains("3/3"), "{words:?}: {closed}");
        let undone = fleet.switch(0, &["undo", &fleet.newest(0), "--wait"]);
        assert!(undone.contains("3/3 open"), "{words:?}: {undone}");
        count += 1;
    }
    assert_eq!(count, 7);
}

#[test]
fn without_redis_others_are_told_directly_and_what_is_not_known_is_said() {
    let mut fleet = Fleet::start();
    fleet.kill_redis();
    let close = [
        "close",
        "--surface",
        "mobile-v1",
        "--reason",
        "leak",
        "--wait",
        "--wait-for",
        "2s",
    ];
    let alone = fleet.run(0, &close);
    assert_eq!(alone.status.code(), Some(6), "{alone:?}");
    let said = String::from_utf8_lossy(&alone.stderr);
    assert!(said.contains("the fleet's store doesn't tell"), "{said}");
    let app = "/api_v210707_NE/gdc/ACRemoteRequest.php";
    assert_eq!(fleet.post(0, app, None, "VIN=x").status, 503);
    assert_eq!(
        fleet.post(1, app, None, "VIN=x").status,
        401,
        "it can't know"
    );
    let others = [fleet.socket(1), fleet.socket(2)].join(",");
    let all = [&close[..], &["--also", &others]].concat();
    let told = fleet.run(0, &all);
    let said = String::from_utf8_lossy(&told.stdout);
    assert!(said.contains("3/3 closed in"), "{told:?}");
    for replica in 0..3 {
        assert_eq!(fleet.post(replica, app, None, "VIN=x").status, 503);
    }
    fleet.restart_redis();
    let joined = (0..2_000).any(|_| {
        std::thread::park_timeout(std::time::Duration::from_millis(10));
        (0..3).all(|replica| fleet.heard(replica) == 3 && fleet.in_force(replica) == 5)
    });
    assert!(
        joined,
        "two closures and three cold-start states, once Redis is back"
    );
}

fn the_attack_is_refused(fleet: &Fleet) {
    let (vin, stranger) = (
        fleet.demo.value("OWNER_VIN"),
        fleet.demo.value("STRANGER_TOKEN"),
    );
    for replica in 0..3 {
        let old = format!("/orchestration_1111/gdc/RemoteACRecordsRequest.php?VIN={vin}");
        assert_eq!(fleet.page(replica, &old, None).status, 404);
        let hvac = format!("/owners/leaf/setHvac?vin={vin}&fan=on");
        assert_eq!(
            fleet.page(replica, &hvac, Some(stranger)).status,
            503,
            "listed and off"
        );
        let form = format!("VIN={vin}");
        let start = "/api_v210707_NE/gdc/ACRemoteRequest.php";
        assert_eq!(fleet.post(replica, start, None, &form).status, 401);
        assert_eq!(
            fleet.post(replica, start, Some(stranger), &form).status,
            403
        );
    }
}

/// First for testers, then for 1, 10, 50 and 100 % of subjects.
fn the_portal_goes_into_maintenance_and_comes_back(fleet: &Fleet) {
    let grave = ["--surface", "portal", "--confirm-name", "portal", "--wait"];
    let message = "We are at work. The car drives as always.";
    let words = ["close", "--reason", "a new release", "--message", message];
    let closed = fleet.switch(0, &[&words[..], &grave].concat());
    assert!(closed.contains("3/3 closed in"), "{closed}");
    let page = fleet.page(2, "/owners/login", None);
    assert_eq!(page.status, 503);
    let text = page.text();
    assert!(text.contains(message) && text.contains("<html"), "{text}");
    let testers = fleet.file("testers", "owners/u-7f3c9a52e1\n");
    restore(fleet, &["--testers-file", &testers]);
    for replica in 0..3 {
        let answers = [
            status(fleet, replica, "OWNER"),
            status(fleet, replica, "STRANGER"),
        ];
        assert_eq!(answers, [200, 503], "a tester, and who is not let in yet");
        assert_eq!(
            fleet.page(replica, "/owners/login", None).status,
            200,
            "sign-ins pass"
        );
    }
    sign_ins_come_back_at_a_limited_rate(fleet);
    for stage in ["1%", "10%", "50%", "100%"] {
        restore(fleet, &["--stage", stage]);
        let strangers = [0, 1, 2].map(|replica| status(fleet, replica, "STRANGER"));
        assert_eq!(
            strangers, [strangers[0]; 3],
            "drawn alike everywhere: {stage}"
        );
        assert_eq!(
            status(fleet, 0, "OWNER"),
            200,
            "who was let in stays in: {stage}"
        );
    }
    assert_eq!(status(fleet, 2, "STRANGER"), 200, "everybody is in");
    let opened = fleet.switch(2, &[&["open"], &grave[..]].concat());
    assert!(opened.contains("3/3 open in"), "{opened}");
}

fn sign_ins_come_back_at_a_limited_rate(fleet: &Fleet) {
    let signed_in: Vec<_> = (0..40)
        .map(|_| fleet.page(1, "/owners/login", None))
        .collect();
    let paced = signed_in.iter().filter(|answer| answer.status == 429);
    let policy = |answer: &support::Answer| {
        let policy = answer.header("ratelimit-policy").unwrap_or_default();
        policy.contains("restoring-logins")
    };
    assert!(
        paced.clone().count() > 0 && paced.clone().all(policy),
        "not all at once"
    );
}

fn restore(fleet: &Fleet, more: &[&str]) {
    let words = ["restore", "--surface", "portal", "--by-hand", "--wait"];
    let restored = fleet.switch(1, &[&words[..], more].concat());
    assert!(restored.contains("3/3 restoring in"), "{restored}");
}

/// How somebody's portal answers about their own car.
fn status(fleet: &Fleet, replica: usize, who: &str) -> u16 {
    let vin = fleet.demo.value(&format!("{who}_VIN"));
    let token = fleet.demo.value(&format!("{who}_TOKEN"));
    let path = format!("/owners/api/vehicles/{vin}/status");
    fleet.page(replica, &path, Some(token)).status
}
