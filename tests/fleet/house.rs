//! How does a test start a fleet?

use std::path::PathBuf;

use tempfile::TempDir;
use vingate::switchboard::Closure;
use vingate::switchboard::seal::{FleetKey, Kind};

use crate::support::redis::Redis;
use crate::support::{Gateway, Plan, Tokens, Upstream, get};

pub(crate) const ROUTES: &str = r#"
[[route]]
id = "mobile"
surface = "mobile"
methods = ["GET"]
path = "/mobile"
action = "ReadStatic"
vehicle = "none"
identity = "none"
because = "public files"
upstream = "telematics"

[[route]]
id = "portal"
surface = "portal"
methods = ["GET"]
path = "/portal"
action = "ReadStatic"
vehicle = "none"
identity = "none"
because = "public files"
upstream = "telematics"

[[route]]
id = "battery"
surface = "mobile"
methods = ["GET"]
path = "/cars/{vin}/battery"
action = "ReadBatteryStatus"
vehicle = { path = "vin" }
upstream = "telematics"
"#;

pub(crate) const MORE: &str = r"
[door]
requests_per_second = 100000
burst = 100000
";

/// Every replica's key.
const KEY: [u8; 32] = [7; 32];

/// Gateways over one Redis.
pub(crate) struct Fleet {
    pub(crate) gateways: Vec<Gateway>,
    pub(crate) redis: Redis,
    upstream: Upstream,
    tokens: Tokens,
    keys: TempDir,
}

/// What an entrance answers.
pub(crate) fn status(gateway: &Gateway, surface: &str) -> u16 {
    get(gateway.edge, &format!("/{surface}"), None).status
}

impl Fleet {
    /// Three replicas.
    pub(crate) fn start() -> Self {
        let mut fleet = Self::over(Redis::start());
        for name in ["gw1", "gw2", "gw3"] {
            fleet.add(name, &[]);
        }
        fleet
    }

    /// None yet.
    pub(crate) fn over(redis: Redis) -> Self {
        let keys = tempfile::tempdir().unwrap();
        std::fs::write(keys.path().join("fleet.key"), KEY).unwrap();
        Self {
            gateways: Vec::new(),
            redis,
            upstream: Upstream::start(),
            tokens: Tokens::new(),
            keys,
        }
    }

    /// One more replica; `set` may name another Redis.
    pub(crate) fn add(&mut self, name: &str, set: &[&str]) {
        let config = self.config(&format!("switches.replica={name}"));
        let mut words: Vec<&str> = config.iter().map(String::as_str).collect();
        words.extend(set);
        let plan = Plan {
            routes: ROUTES,
            config: MORE,
            set: &words,
            ..Plan::default()
        };
        let gateway = Gateway::start(&plan, &self.upstream, &self.tokens);
        self.gateways.push(gateway);
    }

    /// A replica over a folder that an earlier one left behind.
    pub(crate) fn start_again(&mut self, folder: TempDir) {
        let config = self.config("switches.replica=again");
        let words: Vec<&str> = config.iter().map(String::as_str).collect();
        let plan = Plan {
            set: &words,
            ..Plan::default()
        };
        self.gateways.push(Gateway::start_again(&plan, folder));
    }

    fn config(&self, replica: &str) -> [String; 4] {
        let key: PathBuf = self.keys.path().join("fleet.key");
        [
            "switches.store=redis".to_owned(),
            format!("switches.fleet_key_file={}", key.display()),
            format!("redis.url={}", self.redis.url()),
            replica.to_owned(),
        ]
    }

    /// A token of somebody.
    pub(crate) fn token(&self, subject: &str) -> String {
        self.tokens.token(subject)
    }

    /// A file for a command.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let file = self.keys.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    }

    /// Closes a surface, as an operator of one replica.
    pub(crate) fn close(&self, replica: usize, surface: &str, more: &[&str]) {
        let mut words = vec!["switch", "close", "--surface", surface, "--reason", "leak"];
        words.extend(more);
        let output = self.gateways[replica].operate(&words);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(status(&self.gateways[replica], surface), 503, "at once");
    }

    pub(crate) fn open(&self, replica: usize, surface: &str) {
        let words = [
            "switch",
            "open",
            "--surface",
            surface,
            "--confirm-name",
            surface,
        ];
        let output = self.gateways[replica].operate(&words);
        assert!(output.status.success(), "{output:?}");
    }

    /// Waits until all answer so.
    pub(crate) fn until_all(&self, surface: &str, wanted: u16) {
        for gateway in &self.gateways {
            gateway.until(&format!("{wanted} for {surface}"), |gateway| {
                (status(gateway, surface) == wanted).then_some(())
            });
        }
    }

    /// All answer so now.
    pub(crate) fn expect_all(&self, surface: &str, wanted: u16) {
        for gateway in &self.gateways {
            assert_eq!(status(gateway, surface), wanted, "{surface}");
        }
    }

    /// Waits until each replica and Redis knew the same within the last seconds, though it didn't
    /// before.
    pub(crate) fn until_in_step(&self) {
        for gateway in &self.gateways {
            gateway.until("a replica in step", |gateway| {
                let age = gateway.metric("vingate_switch_fleet_age_seconds");
                (age < 3.0).then_some(())
            });
        }
    }

    /// Waits until every replica has missed Redis for some seconds.
    pub(crate) fn until_missed(&self) {
        for gateway in &self.gateways {
            gateway.until("Redis to be missed", |gateway| {
                let age = gateway.metric("vingate_switch_fleet_age_seconds");
                (age >= 3.0).then_some(())
            });
        }
    }

    /// What was refused so far, over all replicas.
    pub(crate) fn refused(&self) -> Vec<f64> {
        let refused = |gateway: &Gateway| gateway.metric("vingate_switch_refused_total");
        self.gateways.iter().map(refused).collect()
    }

    /// Entries of the board in Redis.
    pub(crate) fn entries(&self) -> Vec<Closure> {
        let text = self.redis.command(&["HVALS", "{vingate:vingate}:board"]);
        let key = FleetKey::new(&KEY).unwrap();
        let opened = text.lines().map(|line| key.open(Kind::Closure, line));
        opened.filter_map(Result::ok).collect()
    }
}
