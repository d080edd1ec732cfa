//! Which settings count at a start only?
//!
//! A reload replaces rules; sockets and stores stay as they were opened. What a reload can't take up
//! is told, so that nobody waits for it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::path::Path;

use crate::config::ConfigFile;
use crate::config::file::{Listener, ProofStore, ResultKeyStore};

/// Keys whose values differ and that only a restart takes up.
pub fn needed(started: &ConfigFile, now: &ConfigFile) -> Vec<&'static str> {
    fn differ(one: &impl Debug, other: &impl Debug) -> bool {
        format!("{one:?}") != format!("{other:?}")
    }
    fn address(config: &ConfigFile) -> Option<SocketAddr> {
        config.admin.tls.as_ref().map(|tls| tls.address) // roles and certificates are taken up
    }
    fn directory(config: &ConfigFile) -> Option<&Path> {
        let bundles = config.bundles.as_ref(); // keys, and what is insisted on, are taken up
        bundles.map(|bundles| bundles.directory.as_path())
    }
    /// Certificates are taken up; whether there is one is not.
    fn sockets(config: &ConfigFile) -> BTreeMap<&str, (Listener, bool)> {
        let mut sockets = BTreeMap::new();
        for (name, listener) in &config.listeners {
            let tls = None;
            let rest = Listener {
                tls,
                ..listener.clone()
            };
            sockets.insert(name.as_str(), (rest, listener.tls.is_some()));
        }
        sockets
    }
    fn store(config: &ConfigFile) -> Option<ResultKeyStore> {
        config.result_keys.as_ref().map(|keys| keys.store) // the lifetime is taken up
    }
    let (was, is) = (started, now);
    let settings = [
        ("listeners", differ(&sockets(was), &sockets(is))),
        ("admin.socket", was.admin.socket != is.admin.socket),
        ("admin.group", was.admin.group != is.admin.group),
        ("admin.tls.address", address(was) != address(is)),
        ("ops", differ(&was.ops, &is.ops)),
        ("door", differ(&was.door, &is.door)),
        ("ownership", differ(&was.ownership, &is.ownership)),
        ("audit.file", differ(&was.audit.file, &is.audit.file)),
        ("bundles.directory", directory(was) != directory(is)),
        ("switches", differ(&was.switches, &is.switches)),
        ("redis", differ(&was.redis, &is.redis)),
        ("result_keys.store", store(was) != store(is)),
        ("dpop.store", proofs(was, is)),
        ("fuses", differ(&was.fuses, &is.fuses)),
        (
            "limits.connections",
            was.limits.connections != is.limits.connections,
        ),
        (
            "limits.websockets",
            was.limits.websockets != is.limits.websockets,
        ),
        (
            "limits.drain_timeout",
            was.limits.drain_timeout != is.limits.drain_timeout,
        ),
    ];
    let differing = settings.into_iter().filter(|(_, differs)| *differs);
    differing.map(|(key, _)| key).collect()
}

/// What proofs keep to is taken up. Without settings none is taken, and the memory is a local one.
fn proofs(was: &ConfigFile, is: &ConfigFile) -> bool {
    let store = |config: &ConfigFile| config.dpop.as_ref().map(|dpop| dpop.store);
    let opened = store(was).unwrap_or(ProofStore::Local);
    store(is).is_some_and(|wanted| wanted != opened)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::AdminTls;

    fn config(door: u32, burst: u32) -> ConfigFile {
        let text = format!(
            r#"
            routes = []
            policies = "p"
            listeners.edge.address = "127.0.0.1:0"
            admin.socket = "s"
            surfaces = {{}}
            upstreams = {{}}
            vehicles = {{ wmis = [], check_digit = [] }}
            ownership = {{ store = "embedded", file = "o" }}
            audit = {{ file = "a", pseudonym_key_file = "k", when_unavailable = "deny" }}
            switches.directory = "d"
            door = {{ requests_per_second = {door}, burst = 1 }}
            quotas.q = {{ quota = {burst}, window = "1d", key = ["client"], store = "local" }}
            "#
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn what_a_reload_takes_up_needs_no_restart() {
        assert!(needed(&config(1, 1), &config(1, 2)).is_empty());
        assert_eq!(needed(&config(1, 1), &config(2, 1)), ["door"]);
    }

    #[test]
    fn certificates_are_taken_up_and_whether_there_is_one_is_not() {
        let with = |tls: &str| {
            let mut config = config(1, 1);
            let edge = config.listeners.get_mut("edge").unwrap();
            edge.tls = toml::from_str(tls).ok();
            config
        };
        let old = with("certificate_file = \"a\"\nkey_file = \"b\"");
        let new = with("certificate_file = \"c\"\nkey_file = \"d\"");
        assert!(needed(&old, &new).is_empty());
        assert_eq!(needed(&config(1, 1), &new), ["listeners"]);
        assert_eq!(needed(&old, &config(1, 1)), ["listeners"]);
    }

    #[test]
    fn where_result_keys_are_kept_needs_one_and_for_how_long_does_not() {
        let settings = |text: &str| ConfigFile {
            result_keys: toml::from_str(text).ok(),
            ..config(1, 1)
        };
        let local = settings("store = \"local\"");
        let shorter = settings("store = \"local\"\nlifetime = \"5m\"");
        let redis = settings("store = \"redis\"");
        assert!(needed(&local, &shorter).is_empty());
        assert_eq!(needed(&local, &redis), ["result_keys.store"]);
        assert_eq!(needed(&config(1, 1), &redis), ["result_keys.store"]);
    }

    #[test]
    fn where_used_proofs_are_kept_needs_one_and_what_they_keep_to_does_not() {
        let settings = |text: &str| ConfigFile {
            dpop: toml::from_str(text).ok(),
            ..config(1, 1)
        };
        let local = settings("store = \"local\"");
        let shorter = settings("store = \"local\"\nmax_age = \"30s\"\nnonce = \"required\"");
        let redis = settings("store = \"redis\"");
        assert!(needed(&local, &shorter).is_empty());
        assert!(needed(&config(1, 1), &local).is_empty());
        assert!(needed(&redis, &config(1, 1)).is_empty());
        assert_eq!(needed(&local, &redis), ["dpop.store"]);
        assert_eq!(needed(&redis, &local), ["dpop.store"]);
        assert_eq!(needed(&config(1, 1), &redis), ["dpop.store"]);
    }

    #[test]
    fn roles_are_taken_up_and_the_entrances_are_not() {
        let started = config(1, 1);
        let mut now = started.clone();
        now.admin.roles.viewer.users = vec!["night".to_owned()];
        now.admin.single_person = true;
        assert!(needed(&started, &now).is_empty());
        now.admin.group = Some("ops".to_owned());
        now.admin.tls = Some(AdminTls {
            address: "127.0.0.1:9443".parse().unwrap(),
            certificate_file: "c".into(),
            key_file: "k".into(),
            client_ca_file: "a".into(),
            url: None,
        });
        assert_eq!(needed(&started, &now), ["admin.group", "admin.tls.address"]);
    }
}
