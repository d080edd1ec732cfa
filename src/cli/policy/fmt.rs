//! Are the policies written as Cedar's formatter writes them?

use std::fs;
use std::path::{Path, PathBuf};

use cedar_policy_formatter::{Config, policies_str_to_pretty};

use crate::cli::policy::Target;
use crate::cli::{End, Failure, data};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// Write nothing; name the files that would change, and exit with 1 if there is one.
    #[arg(long)]
    check: bool,
}

/// As wide as the code, and indented like it.
const STYLE: Config = Config {
    line_width: 100,
    indent_width: 4,
};

/// Runs it: every `*.cedar` file of the folder and of those below it. A file that doesn't parse is
/// told, and then no file is written.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let directory = args.target.folder()?;
    let mut changes = Vec::new();
    let mut wrong = Vec::new();
    for path in files(&directory)? {
        let text = fs::read_to_string(&path).map_err(|error| unread(&path, &error))?;
        match format(&text) {
            Ok(formatted) if formatted == text => {}
            Ok(formatted) => changes.push((path, formatted)),
            Err(error) => wrong.push(format!("{}: {error}", path.display())),
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::new(End::InvalidInput, wrong.join("\n")));
    }
    for (path, formatted) in &changes {
        if !args.check {
            write(path, formatted)?;
        }
        data(&path.display().to_string());
    }
    if args.check && !changes.is_empty() {
        let message = format!("{} files are formatted otherwise", changes.len());
        return Err(Failure::new(End::Failed, message));
    }
    Ok(())
}

/// What Cedar's formatter makes of it. The comment that opens a file stays apart from the first
/// policy; the formatter itself would join them.
fn format(text: &str) -> Result<String, String> {
    let (head, body) = opening(text);
    let body = policies_str_to_pretty(body, &STYLE).map_err(|error| {
        let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
        causes.join(": ")
    })?;
    Ok(format!("{head}{body}"))
}

/// The comment that opens a file, with the empty line after it, and the rest.
fn opening(text: &str) -> (&str, &str) {
    let mut at = 0_usize;
    for line in text.split_inclusive('\n') {
        at = at.saturating_add(line.len());
        if line.trim().is_empty() {
            break;
        }
        if !line.starts_with("//") {
            return ("", text);
        }
    }
    text.split_at_checked(at).unwrap_or(("", text))
}

/// The policy files of a folder and of all below it.
fn files(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| unread(&folder, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| unread(&folder, &error))?;
            let kind = entry
                .file_type()
                .map_err(|error| unread(&entry.path(), &error))?;
            let path = entry.path();
            if kind.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "cedar") {
                found.push(path);
            }
        }
    }
    found.sort_unstable();
    if found.is_empty() {
        let message = format!("no `*.cedar` file in {}", directory.display());
        return Err(Failure::new(End::InvalidInput, message));
    }
    Ok(found)
}

fn unread(path: &Path, error: &std::io::Error) -> Failure {
    let message = format!("{}: can't be read: {error}", path.display());
    Failure::new(End::InvalidInput, message)
}

/// Whole or not at all, with the permissions that it had.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    let written = fs::write(&temporary, text)
        .and_then(|()| fs::set_permissions(&temporary, fs::metadata(path)?.permissions()))
        .and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| {
        let message = format!("{}: can't be written: {error}", path.display());
        Failure::new(End::Failed, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_opening_comment_stays_apart_and_nothing_is_lost() {
        for (text, wanted) in [
            (
                "// Who?\n//\n// More.\n\n\n@id(\"a\") permit(principal,action,resource);",
                "// Who?\n//\n// More.\n\n@id(\"a\")\npermit (principal, action, resource);\n",
            ),
            (
                "// Of the policy.\npermit(principal,action,resource);",
                "// Of the policy.\npermit (principal, action, resource);\n",
            ),
            (
                "permit(principal,action,resource) // why\nwhen{true};\n// end",
                "permit (principal, action, resource) // why\nwhen { true };\n// end\n",
            ),
        ] {
            let formatted = format(text).unwrap();
            assert_eq!(formatted, wanted);
            assert_eq!(format(&formatted).unwrap(), wanted, "twice");
        }
        assert!(format("permit (").unwrap_err().contains("cannot parse"));
    }
}
