//! Is a certificate renewed, and chosen by the name that is asked for, without a restart?

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::Upstream;
use crate::support::certificates::{Authority, Pair};
use crate::{House, MORE};

struct Tls {
    house: House,
    authority: Authority,
    first: Pair,
    folder: tempfile::TempDir,
}

fn pair(pair: &Pair) -> String {
    let (certificate, key) = (pair.certificate.display(), pair.key.display());
    format!("certificate_file = \"{certificate}\", key_file = \"{key}\"")
}

fn house(others: &[&str]) -> Tls {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let first = authority.issue("localhost");
    let others: Vec<String> = others
        .iter()
        .map(|host| format!("{{ {} }}", pair(&authority.issue(host))))
        .collect();
    let (first_pair, others) = (pair(&first), others.join(", "));
    let tls = format!("listeners.edge.tls={{ {first_pair}, others = [{others}] }}");
    Tls {
        house: House::before(Upstream::start(), MORE, &[&tls]),
        authority,
        first,
        folder,
    }
}

impl Tls {
    /// Whether a client that believes this authority alone is answered under that name.
    fn is_believed(&self, authority: &Path, host: &str) -> bool {
        let port = self.house.gateway.edge.port();
        let output = Command::new("curl")
            .args(["-sS", "--max-time", "30", "--resolve"])
            .arg(format!("{host}:{port}:127.0.0.1"))
            .arg("--cacert")
            .arg(authority)
            .arg(format!("https://{host}:{port}/nowhere"))
            .output()
            .unwrap();
        output.status.success()
    }

    fn is_answered(&self, host: &str) -> bool {
        self.is_believed(&self.authority.file, host)
    }

    fn reload(&self, said: &str) {
        self.house.gateway.signal("HUP");
        self.house.gateway.until(said, |gateway| {
            gateway.stderr().contains(said).then_some(())
        });
    }

    fn replace(&self, by: &Pair) {
        fs::copy(&by.certificate, &self.first.certificate).unwrap();
        fs::copy(&by.key, &self.first.key).unwrap();
    }
}

#[test]
fn a_renewed_certificate_is_shown_from_the_next_handshake_on() {
    let tls = house(&[]);
    assert!(tls.is_answered("localhost"));
    let other = tls.folder.path().join("other");
    fs::create_dir(&other).unwrap();
    let successor = Authority::new(&other);
    tls.replace(&successor.issue("localhost"));
    assert!(tls.is_answered("localhost"), "nothing changes by itself");
    tls.reload("reloaded");
    assert!(tls.is_believed(&successor.file, "localhost"));
    assert!(
        !tls.is_answered("localhost"),
        "the old one is not shown any more"
    );
    // the gateway's own requests to itself go by what is shown now
    let words = [
        "switch",
        "close",
        "--surface",
        "mobile",
        "--reason",
        "leak",
        "--wait",
    ];
    let closed = tls.house.gateway.operate(&words);
    assert!(closed.status.success(), "{closed:?}");
}

#[test]
fn a_pair_that_does_not_fit_changes_nothing_and_is_told() {
    let tls = house(&[]);
    let other = tls.authority.issue("other");
    fs::copy(&other.key, &tls.first.key).unwrap();
    tls.reload("reload refused: the old rules hold");
    let said = tls.house.gateway.stderr();
    assert!(said.contains("not a usable pair with its key"), "{said}");
    assert!(tls.is_answered("localhost"));
}

#[test]
fn the_certificate_for_the_name_that_is_asked_for_is_shown() {
    let tls = house(&["app.example", "*.owners.example"]);
    for host in ["localhost", "app.example", "leaf.owners.example"] {
        assert!(tls.is_answered(host), "{host}");
    }
    for host in ["owners.example", "a.b.owners.example", "elsewhere.example"] {
        assert!(
            !tls.is_answered(host),
            "{host}: the first one, which is for another name"
        );
    }
}
