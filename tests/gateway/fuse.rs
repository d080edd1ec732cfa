//! Does the binary close by itself where its configuration says so?

use crate::support::{Upstream, get};
use crate::{FOREIGN, House, MORE, OWNED};

const FUSE: &str = r#"
[fuses.probing]
surface = "mobile"
codes = ["access-denied"]
distinct_principals = 3
window = "5m"
state = "closed"
close = { surfaces = ["mobile"], routes = ["battery"] }
for = "30m"
texts = { en = "Remote services pause for a while." }
"#;

#[test]
fn a_fuse_blows_is_announced_and_its_closure_is_kept() {
    let house = House::before(Upstream::start(), &format!("{MORE}{FUSE}"), &[]);
    assert!(house.gateway.metric("vingate_fuse_blown_total") < 0.5);
    for subject in ["mallory-1", "mallory-2", "mallory-3"] {
        let token = house.tokens.token(subject);
        let target = format!("/cars/{FOREIGN}/battery");
        assert_eq!(get(house.gateway.edge, &target, Some(&token)).status, 403);
    }
    house.gateway.until("the fuse", |gateway| {
        (gateway.metric("vingate_fuse_blown_total") > 0.5).then_some(())
    });
    let read = house.read();
    assert_eq!(read.status, 503);
    assert!(
        read.text().contains("Remote services pause"),
        "{}",
        read.text()
    );
    assert_eq!(house.command().status, 200, "the climate route stays open");
    let said = house.gateway.stderr();
    assert!(said.contains("a fuse blew and closed"), "{said}");
    assert!(!said.contains("mallory") && !said.contains(OWNED), "{said}");
    let folder = house.gateway.folder.path();
    let board = std::fs::read_to_string(folder.join("switches/board.json")).unwrap();
    assert!(board.contains("\"closed_by\":\"fuse probing\""), "{board}");
}
