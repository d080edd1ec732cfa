//! How does a test end what it started?

use std::process::{Child, Command, ExitStatus};

/// SIGTERM, as an init system sends it.
pub(crate) fn terminate(child: &Child) {
    signal(child, "TERM");
}

/// Any signal, by name.
pub(crate) fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let script = format!("kill -{name} \"$0\"");
    let status = Command::new("sh").args(["-c", &script, &id]).status();
    assert!(status.unwrap().success(), "no process `{id}` to signal");
}

/// SIGTERM and wait, unless it ended already.
pub(crate) fn end(child: &mut Child) -> ExitStatus {
    if let Some(status) = child.try_wait().unwrap() {
        return status;
    }
    terminate(child);
    child.wait().unwrap()
}
