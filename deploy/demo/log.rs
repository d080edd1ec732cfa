//! Which requests reached the estate?
//!
//! The tests' oracle: what the gateway refused must not be in here. Served on a port of its own, so
//! that reading it leaves no trace in it.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::get;
use serde_json::{Value, json};

/// Every request since the start or the last clearing.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: Mutex<Vec<Value>>,
    file: Option<File>,
}

impl Log {
    /// In memory, and appended to a file if one is named.
    pub(crate) fn open(file: Option<&Path>) -> Result<Self> {
        let open = |path: &Path| {
            let file = OpenOptions::new().create(true).append(true).open(path);
            file.with_context(|| format!("can't append to `{}`", path.display()))
        };
        Ok(Self {
            entries: Mutex::default(),
            file: file.map(open).transpose()?,
        })
    }

    /// Notes a request before it is looked at.
    pub(crate) fn note(&self, head: &Parts, body: &[u8]) {
        let headers: Vec<_> = head
            .headers
            .iter()
            .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
            .collect();
        let entry = json!({
            "method": head.method.as_str(),
            "path": head.uri.path(),
            "query": head.uri.query(),
            "headers": headers,
            "body": String::from_utf8_lossy(body),
        });
        if let Some(mut file) = self.file.as_ref() {
            writeln!(file, "{entry}").ok(); // the copy in memory is the one that tests read
        }
        self.lock().push(entry);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Value>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `GET /__log` reads it, `DELETE /__log` clears it.
pub(crate) fn pages(log: Arc<Log>) -> Router {
    Router::new()
        .route("/__log", get(read).delete(clear))
        .with_state(log)
}

async fn read(State(log): State<Arc<Log>>) -> axum::Json<Vec<Value>> {
    axum::Json(log.lock().clone())
}

async fn clear(State(log): State<Arc<Log>>) -> StatusCode {
    log.lock().clear();
    StatusCode::NO_CONTENT
}
