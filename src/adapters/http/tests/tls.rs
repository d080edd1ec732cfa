//! Is the service on the other end the right one, and does it know the gateway?

use super::certificates::{Authority, Validity};
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_on_the_other_end_is_not_believed() {
    let house = House::new();
    house.service.fill(&service::line("alice"));
    let folder = tempfile::tempdir().unwrap();
    let other = Authority::new(folder.path());
    let (right, client) = (&house.authority.file, &house.client);
    let expired = house.authority.issue_to("gateway", "", Validity::Expired);
    let stranger = other.issue_to("gateway", "", Validity::Now);
    let good = house.settings("");
    let rows = [
        (
            "another authority",
            "127.0.0.1",
            (other.file.as_path(), Some(client)),
        ),
        ("another name", "localhost", (right.as_path(), Some(client))),
        ("no client certificate", "127.0.0.1", (right, None)),
        ("an expired one", "127.0.0.1", (right, Some(&expired))),
        ("a stranger's", "127.0.0.1", (right, Some(&stranger))),
    ];
    for (why, host, files) in rows {
        let settings = house.settings_with(host, files, "");
        let directory = HttpDirectory::open(&settings, Handle::current()).unwrap();
        let found = directory.find(&vin()).await;
        assert_eq!(found, Err(LookupError::Unreachable), "{why}");
    }
    assert!(
        house.service.heads().is_empty(),
        "nothing was asked of a stranger"
    );
    let directory = HttpDirectory::open(&good, Handle::current()).unwrap();
    assert!(directory.find(&vin()).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_renewed_and_never_printed() {
    let house = House::new();
    house.service.fill(&service::line("alice"));
    house.service.act(&[Act::Once]); // so that each question has a connection of its own
    let file = house.folder.path().join("token");
    std::fs::write(&file, "first.token\n").unwrap();
    let directory = house.open(&format!("authorization_file = {file:?}"));
    let shown = async || {
        assert!(directory.find(&vin()).await.unwrap().is_some());
        let head = house.service.heads().pop().unwrap();
        let shown = head
            .lines()
            .find_map(|line| line.strip_prefix("authorization: "));
        shown.map(str::to_owned)
    };
    assert_eq!(shown().await.as_deref(), Some("Bearer first.token"));
    std::fs::write(&file, "second.token").unwrap();
    assert_eq!(shown().await.as_deref(), Some("Bearer second.token"));
    std::fs::remove_file(&file).unwrap();
    let kept = shown().await;
    assert_eq!(kept.as_deref(), Some("Bearer second.token"), "the last one");
    let settings = house.settings(&format!("authorization_file = {file:?}"));
    let printed = format!("{directory:?} {settings:?}");
    assert!(!printed.contains("second"), "{printed}");
}

#[test]
fn files_that_cannot_be_used_are_told_without_what_they_hold() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let house = runtime.block_on(async { tokio::spawn(async { House::new() }).await.unwrap() });
    let file = |name: &str, text: &str| {
        let path = house.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let of = |change: &dyn Fn(&mut OwnershipHttp)| {
        let mut settings = house.settings("");
        change(&mut settings);
        let flaw = HttpDirectory::open(&settings, runtime.handle().clone()).unwrap_err();
        let checked = check(&settings).err();
        let is_told = checked.as_ref() == Some(&flaw) || settings.ca_file.is_none();
        assert!(is_told, "{checked:?}"); // that a key is missing is told by the file's shape
        flaw
    };
    let empty = file("empty", "\n");
    let two = file("two", "hunter2\nhunter3\n");
    let flaws = [
        (
            of(&|all| all.ca_file = Some("/nowhere".into())),
            "`ownership.http.ca_file`",
        ),
        (of(&|all| all.ca_file = Some(two.clone())), "no certificate"),
        (of(&|all| all.ca_file = None), "ca_file` is missing"),
        (
            of(&|all| all.client_key_file = Some(two.clone())),
            "no private key",
        ),
        (
            of(&|all| all.client_key_file = None),
            "half a client certificate",
        ),
        (
            of(&|all| all.authorization_file = Some("/nowhere".into())),
            "can't read `/nowhere`",
        ),
        (
            of(&|all| all.authorization_file = Some(empty.clone())),
            "one line with a token",
        ),
        (
            of(&|all| all.authorization_file = Some(two.clone())),
            "one line with a token",
        ),
    ];
    for (flaw, expected) in flaws {
        assert!(
            flaw.contains(expected) && !flaw.contains("hunter"),
            "{flaw}"
        );
    }
}
