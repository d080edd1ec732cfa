//! Do the policies decide as their cases say, and which of them do the cases try?

use serde::Serialize;

use crate::admin::authority;
use crate::cli::policy::{Target, operators};
use crate::cli::{self, End, Failure, Output, data};
use crate::pipeline::policy::PolicySet;
use crate::pipeline::policy::cases::{self, CaseReport};
use crate::pipeline::policy::coverage::{Coverage, Line};
use crate::pipeline::policy::files::Files;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// Tell for each policy in how many questions it fired, did not fire, and was overruled.
    ///
    /// It fired: it is among the deciding policies. It did not: its scope (principal, action, resource)
    /// fits, and a condition does not hold. Overruled: a permit whose conditions hold where a forbid
    /// decides; that tries nothing. A policy is tried both ways when it fired and did not fire in one
    /// question each; one without a condition can only fire.
    #[arg(long)]
    coverage: bool,
    /// Exit 4 if fewer percent of all outcomes were seen; two outcomes a policy, fired and not fired.
    #[arg(
        long,
        value_name = "PERCENT",
        requires = "coverage",
        value_parser = clap::value_parser!(u8).range(0..=100)
    )]
    min: Option<u8>,
    /// How to print the coverage.
    #[arg(short, long, value_enum, default_value_t, requires = "coverage")]
    output: Output,
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let files = args.target.files()?;
    if !args.coverage {
        return test(&files, &mut data);
    }
    let (report, coverage) = cover(&files)?;
    print(&report, &coverage, args.output)?;
    judge(&files, &report)?;
    let percent = coverage.percent();
    match args.min {
        Some(min) if percent < usize::from(min) => {
            let message = format!("coverage is {percent} %, and less than {min} %");
            Err(Failure::new(End::TestFailed, message))
        }
        Some(_) | None => Ok(()),
    }
}

/// Runs all cases and says what comes out otherwise.
pub(super) fn test(files: &Files, say: &mut dyn FnMut(&str)) -> Result<(), Failure> {
    let policies = PolicySet::of(files)?;
    let mut report = cases::run_cases(&policies, files)?;
    if let Some((folder, authority)) = operators(files)? {
        add(
            &mut report,
            authority::cases::run_cases(&authority, &folder)?,
        );
    }
    for line in lines(&report) {
        say(&line);
    }
    if report.total > 0 {
        say(&counts(&report));
    }
    judge(files, &report)
}

fn cover(files: &Files) -> Result<(CaseReport, Coverage), Failure> {
    let policies = PolicySet::of(files)?;
    let (mut report, mut coverage) = cases::cover_cases(&policies, files)?;
    if let Some((folder, authority)) = operators(files)? {
        let (more, tried) = authority::cases::cover_cases(&authority, &folder)?;
        add(&mut report, more);
        coverage.extend(tried);
    }
    Ok((report, coverage))
}

fn add(report: &mut CaseReport, more: CaseReport) {
    report.total = report.total.saturating_add(more.total);
    report.failures.extend(more.failures);
}

fn judge(files: &Files, report: &CaseReport) -> Result<(), Failure> {
    let (total, failed) = (report.total, report.failures.len());
    if total == 0 {
        // A test that asks nothing must not look like one that passed.
        let message = format!("no case in {}", files.below("cases").place());
        return Err(Failure::new(End::InvalidInput, message));
    }
    if failed == 0 {
        return Ok(());
    }
    let message = format!("{failed} of {total} policy cases failed");
    Err(Failure::new(End::TestFailed, message))
}

fn counts(report: &CaseReport) -> String {
    let failed = report.failures.len();
    let passed = report.total.saturating_sub(failed);
    format!("{passed} passed, {failed} failed")
}

fn lines(report: &CaseReport) -> Vec<String> {
    let mut lines = Vec::new();
    for failure in &report.failures {
        lines.push(format!(
            "{}: {}: {}",
            failure.place, failure.name, failure.action
        ));
        lines.push(format!("  expected: {}", failure.expected));
        lines.push(format!("  got:      {}", failure.got));
    }
    lines
}

/// What a script gets.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    cases: usize,
    failed: usize,
    percent: usize,
    outcomes_seen: usize,
    outcomes: usize,
    policies: Vec<&'a Line>,
}

fn print(report: &CaseReport, coverage: &Coverage, output: Output) -> Result<(), Failure> {
    let (seen, all) = coverage.outcomes();
    match output {
        Output::Json => {
            let summary = Summary {
                cases: report.total,
                failed: report.failures.len(),
                percent: coverage.percent(),
                outcomes_seen: seen,
                outcomes: all,
                policies: coverage.lines().collect(),
            };
            let text = serde_json::to_string_pretty(&summary)
                .map_err(|error| Failure::new(End::Failed, error.to_string()))?;
            data(&text);
        }
        Output::Plain => {
            for line in coverage.lines() {
                let [id, fired, not_fired, overruled] = row(line);
                data(&format!("{id} {fired} {not_fired} {overruled}"));
            }
            data(&format!("percent {}", coverage.percent()));
        }
        Output::Table => {
            for line in lines(report) {
                data(&line);
            }
            let head = ["POLICY", "FIRED", "NOT FIRED", "OVERRULED"].map(str::to_owned);
            let rows: Vec<_> = [head]
                .into_iter()
                .chain(coverage.lines().map(row))
                .collect();
            cli::table(&rows);
            data(&counts(report));
            let percent = coverage.percent();
            data(&format!("coverage {percent} %: {seen} of {all} outcomes"));
        }
    }
    Ok(())
}

/// A policy that can only fire has `-` for the other outcome.
fn row(line: &Line) -> [String; 4] {
    let not_fired = if line.conditional {
        line.not_fired.to_string()
    } else {
        "-".to_owned()
    };
    [
        line.policy.clone(),
        line.fired.to_string(),
        not_fired,
        line.overruled.to_string(),
    ]
}
