//! How do policies become a bundle that a gateway loads?
//!
//! What is signed was checked, tried and proved just before, in memory: what lies in the folder by then
//! doesn't matter.

#[cfg(feature = "prove")]
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::admin::authority;
use crate::cli::policy::{Solver, Target, operators, sets, test};
use crate::cli::{End, Failure, data, talk};
use crate::clock;
use crate::folder;
use crate::pipeline::policy::PolicySet;
use crate::pipeline::policy::bundle::{Bundle, Proofs, Results, SigningKey};
use crate::pipeline::policy::files::{Files, gather};
use crate::pipeline::policy::{bounds, cases};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    /// Ed25519 key that signs, PKCS #8 in PEM: `openssl genpkey -algorithm ed25519` makes one.
    #[arg(long, value_name = "FILE")]
    signing_key: PathBuf,
    /// The bundle; one that is there is replaced, whole or not at all.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// When it is built, in seconds since the Unix epoch, if not now. The same files, results and time
    /// make the same bytes.
    #[arg(long, env = "SOURCE_DATE_EPOCH", value_name = "SECONDS")]
    built: Option<u64>,
    /// Prove nothing. A gateway with `bundles.require_signed` loads such a bundle only by break-glass.
    #[arg(long)]
    without_proofs: bool,
    #[command(flatten)]
    solver: Solver,
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let key = SigningKey::read(&args.signing_key);
    let key = key.map_err(|flaw| Failure::new(End::InvalidInput, flaw))?;
    let from = args.target.files()?;
    let texts = gather(&from)?;
    let files = Files::held(Path::new(&from.place()), texts.clone().into());
    let revision = PolicySet::of(&files)?.revision().to_string();
    for (files, schema) in sets(&files) {
        bounds::read(&files, schema)?;
    }
    let Some((_, authority)) = operators(&files)? else {
        let folder = files.below(authority::FOLDER).place();
        let message = format!("{folder}: not there, and a gateway insists on it");
        return Err(Failure::new(End::InvalidInput, message));
    };
    let cases = try_cases(&files)?;
    let proofs = if args.without_proofs {
        None
    } else {
        Some(prove(&files, &args.solver)?)
    };
    let results = Results {
        program: format!("vingate {}", env!("CARGO_PKG_VERSION")),
        cases,
        proofs,
    };
    let built = args.built.unwrap_or_else(|| clock::unix_time().as_secs());
    let invalid = |flaw| Failure::new(End::InvalidInput, flaw);
    let bundle = Bundle::of(texts, built, results).map_err(invalid)?;
    let bytes = bundle.seal(&key).map_err(invalid)?;
    write(&args.out, &bytes)?;
    for (name, value) in [
        ("bundle", bundle.id().as_str()),
        ("digest", bundle.digest()),
        ("built", &clock::rfc3339(Duration::from_secs(built))),
        ("signer", key.verifying().id()),
        ("revision", &revision),
        ("operators' revision", authority.revision()),
        ("cases", &cases.to_string()),
        ("proved", &proved(&bundle)),
    ] {
        data(&format!("{name}: {value}"));
    }
    if args.without_proofs {
        talk("nothing was proved: a gateway that insists on it refuses this bundle");
    }
    Ok(())
}

fn proved(bundle: &Bundle) -> String {
    let proofs = bundle.results().proofs.as_ref();
    proofs.map_or_else(
        || "nothing".to_owned(),
        |proofs| format!("{} claims", proofs.claims.len()),
    )
}

/// How many questions the cases ask; each is answered as expected.
fn try_cases(files: &Files) -> Result<usize, Failure> {
    let mut lines = Vec::new();
    let tried = test::test(files, &mut |line| lines.push(line.to_owned()));
    if let Err(failure) = tried {
        lines.push(failure.message);
        return Err(Failure::new(failure.end, lines.join("\n")));
    }
    let policies = PolicySet::of(files)?;
    let mut total = cases::run_cases(&policies, files)?.total;
    if let Some((folder, authority)) = operators(files)? {
        let operators = authority::cases::run_cases(&authority, &folder)?;
        total = total.saturating_add(operators.total);
    }
    Ok(total)
}

#[cfg(not(feature = "prove"))]
fn prove(_: &Files, _: &Solver) -> Result<Proofs, Failure> {
    Err(super::without_prover())
}

#[cfg(feature = "prove")]
fn prove(files: &Files, solver: &Solver) -> Result<Proofs, Failure> {
    let mut proofs = Proofs {
        environments: 0,
        questions: 0,
        claims: BTreeMap::new(),
    };
    for (files, schema) in sets(files) {
        let proof = crate::prove::prove(&files, schema, &solver.cvc5());
        let proof = proof.map_err(super::prove::failure)?;
        if proof.open() > 0 {
            let lines = super::prove::lines(&proof).join("\n");
            let message = format!("{lines}\nnot proved: nothing is signed");
            return Err(Failure::new(End::TestFailed, message));
        }
        let whose = if schema == authority::SCHEMA {
            bounds::OPERATORS
        } else {
            ""
        };
        proofs.environments = proofs.environments.saturating_add(proof.environments);
        proofs.questions = proofs.questions.saturating_add(proof.asked);
        let claims = proof.claims.into_iter();
        let claims = claims.map(|claim| (format!("{whose}{}", claim.name), claim.says));
        proofs.claims.extend(claims);
    }
    Ok(proofs)
}

fn write(out: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |why: String| {
        let message = format!("`{}` can't be written: {why}", out.display());
        Failure::new(End::Failed, message)
    };
    let name = out.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| failed("it names no file".to_owned()))?;
    let folder = match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    folder::replace(folder, name, bytes, || Ok(()))
        // nothing in it is secret: whoever loads it is another user than who signs it
        .and_then(|()| fs::set_permissions(out, Permissions::from_mode(0o644)))
        .map_err(|error| failed(error.to_string()))
}
