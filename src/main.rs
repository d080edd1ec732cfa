//! Which command was asked for, and how did it end?

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = vingate::cli::Cli::parse();
    match vingate::cli::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let message = failure.message.trim_end();
            if message.contains('\n') {
                vingate::cli::talk(message); // each line says where
            } else {
                vingate::cli::talk(&format!("vingate: {message}"));
            }
            ExitCode::from(failure.end.code())
        }
    }
}
