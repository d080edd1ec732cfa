//! Do closures in files work when nothing else does?

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::house::{Fleet, status};
use crate::support::get;

#[test]
fn a_file_closes_with_redis_and_the_operators_api_gone() {
    let mut fleet = Fleet::start();
    fleet.redis.kill();
    let gateway = &fleet.gateways[0];
    let root = gateway.folder.path();
    fs::remove_file(root.join("admin.sock")).unwrap();
    let folder = root.join("switches.d");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let file = folder.join("mobile.toml");
    let text = "scope = { surfaces = [\"mobile\"] }\nstate = \"closed\"\nreason = \"leak\"\n";
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    if fs::metadata(&file).unwrap().uid() != 0 {
        let said = |gateway: &crate::support::Gateway| gateway.stderr().contains("belong to root");
        gateway.until("an alarm", |gateway| said(gateway).then_some(()));
        assert_eq!(status(gateway, "mobile"), 200);
        return;
    }
    let until = |what: &str, surface: &str, wanted: u16| {
        gateway.until(what, |gateway| {
            (status(gateway, surface) == wanted).then_some(())
        });
    };
    until("closed by the file", "mobile", 503);
    assert_eq!(status(gateway, "portal"), 200);
    let ready = || get(gateway.ops, "/readyz", None);
    assert!(ready().text().contains("switch-files ok"));
    fs::write(&file, "scope = { surfac").unwrap();
    gateway.until("an alarm", |_| {
        ready().text().contains("switch-files failed").then_some(())
    });
    assert_eq!(
        ready().status,
        200,
        "one bad file takes nobody out of service"
    );
    assert_eq!(
        status(gateway, "mobile"),
        503,
        "the last good version holds"
    );
    fs::remove_file(&file).unwrap();
    until("open without the file", "mobile", 200);
}
