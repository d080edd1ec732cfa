//! Drives one target with wrk and reads what its process used.

use std::fmt;
use std::process::Command;

use crate::house::Target;

/// One round of one target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) cpu_micros: f64,
    pub(crate) per_second: f64,
}

impl Measured {
    pub(crate) fn worst() -> Self {
        Self {
            cpu_micros: f64::INFINITY,
            per_second: 0.0,
        }
    }

    /// The lower cost and the higher rate: noise only adds.
    pub(crate) fn better(self, other: Self) -> Self {
        Self {
            cpu_micros: self.cpu_micros.min(other.cpu_micros),
            per_second: self.per_second.max(other.per_second),
        }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{:.1} us/request, {:.0} requests/s",
            self.cpu_micros, self.per_second
        )
    }
}

/// Clock ticks of `/proc/PID/stat` a second; the kernel's constant for user space.
const TICKS: f64 = 100.0;

/// CPU seconds, user and system, that a process used so far (`proc(5)`, fields 14 and 15).
fn cpu_seconds(pid: u32) -> Result<f64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = stat.rsplit(')').next().ok_or("no stat")?;
    let field = |n: usize| -> Result<f64, Box<dyn std::error::Error>> {
        Ok(fields
            .split_whitespace()
            .nth(n)
            .ok_or("short stat")?
            .parse()?)
    };
    Ok((field(11)? + field(12)?) / TICKS)
}

/// One round: two seconds to warm up, then six measured.
pub(crate) fn drive(target: &Target) -> Result<Measured, Box<dyn std::error::Error>> {
    wrk(target, "2s")?;
    let before = cpu_seconds(target.pid)?;
    let output = wrk(target, "6s")?;
    let used = cpu_seconds(target.pid)? - before;
    let line = |marker: &str| output.lines().find(|line| line.contains(marker));
    let word = |line: Option<&str>, n: usize| -> Result<f64, Box<dyn std::error::Error>> {
        let word = line.and_then(|line| line.split_whitespace().nth(n));
        Ok(word
            .ok_or_else(|| format!("wrk said:\n{output}"))?
            .parse()?)
    };
    let requests = word(line(" requests in "), 0)?;
    let per_second = word(line("Requests/sec:"), 1)?;
    let refused = word(line("Non-2xx"), 4).unwrap_or(0.0);
    let expected = if target.refused { requests } else { 0.0 };
    if (refused - expected).abs() > 0.5 {
        return Err(format!("{}: {refused} refused of {requests}", target.name).into());
    }
    Ok(Measured {
        cpu_micros: used * 1e6 / requests,
        per_second,
    })
}

fn wrk(target: &Target, time: &str) -> Result<String, Box<dyn std::error::Error>> {
    let output = Command::new("wrk")
        .args(["-t", "1", "-c", "32", "-d", time, "-s"])
        .arg(&target.script)
        .arg(&target.url)
        .output()
        .map_err(|error| format!("wrk: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
