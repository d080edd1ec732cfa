//! Bad configurations, each with the exact place and message; and one that is right.

mod bad;
mod bad_certificates;
mod bad_config;
mod bad_dpop;
mod bad_redis;
mod bad_result_keys;
mod bad_fuses;
mod bad_keys;
mod bad_introspection;
mod bad_ownership;
mod bad_routes;
mod bad_overrides;
mod good;

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::load;

/// A configuration that is right; line numbers in the tables count from its first line.
const CONFIG: &str = include_str!("tests/good.toml");

/// Its routes.
const ROUTES: &str = include_str!("tests/routes.toml");

/// A folder with a configuration and one route file.
struct Estate {
    folder: TempDir,
}

impl Estate {
    fn new(config: &str, routes: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("routes")).unwrap();
        let estate = Self { folder };
        estate.write("vingate.toml", config);
        estate.write("routes/mobile.toml", routes);
        estate
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("vingate.toml")
    }

    /// All mistakes as `place: message`, places relative to the folder.
    fn mistakes(&self, overrides: &[&str]) -> Vec<String> {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        let folder = format!("{}/", self.folder.path().display());
        match load(&self.config(), &overrides) {
            Ok(_) => Vec::new(),
            Err(mistakes) => mistakes
                .to_string()
                .lines()
                .map(|line| line.replace(&folder, ""))
                .collect(),
        }
    }
}
