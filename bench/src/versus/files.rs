//! What `versus` keeps between runs: a Python environment with the engines, and the rows as files.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use datasets::tpch::{Format, Table, chunks};

use super::Peer;
use crate::Failure;
use crate::wire::progress;

/// Returns the target directory that this program was built in.
pub(super) fn target_directory() -> Result<PathBuf, Failure> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).ok_or("the program is not in a target directory: use --cache")?;
    Ok(target.to_path_buf())
}

/// Returns the interpreter of an environment that has the engines, and makes the environment when it is not there.
pub(super) fn python_environment(cache: &Path, engines: &[Peer]) -> Result<PathBuf, Failure> {
    let environment = cache.join("bench-venv");
    let python = environment.join("bin/python");
    if !python.exists() {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&environment)).map_err(|error| {
            format!("{error}; Python's venv module is needed (on Debian: apt-get install python3-venv)")
        })?;
    }
    let packages: Vec<&str> = engines.iter().map(|engine| engine.package()).collect();
    let imports = format!("import numpy, {}", packages.join(", "));
    let present = Command::new(&python).args(["-c", &imports]).output()?.status.success();
    if !present {
        println!("installing {} into {}", packages.join(", "), environment.display());
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "numpy"];
        succeed(Command::new(&python).args(pip).args(packages))?;
    }
    Ok(python)
}

/// Returns the directory that has each table's rows at a scale as `TABLE.tbl`, and makes the files not there.
pub(super) fn rows(cache: &Path, scale: f64) -> Result<PathBuf, Failure> {
    let directory = cache.join("bench-data").join(format!("sf{scale}"));
    fs::create_dir_all(&directory)?;
    for table in Table::ALL {
        let path = directory.join(format!("{}.tbl", table.name()));
        if path.exists() {
            continue;
        }
        let bar = progress(table.rows(scale), table.name());
        let unfinished = path.with_extension("unfinished");
        let mut file = BufWriter::new(File::create(&unfinished)?);
        for chunk in chunks(table, scale, Format::Bar) {
            file.write_all(&chunk.data)?;
            bar.inc(chunk.rows as u64);
        }
        file.flush()?;
        fs::rename(&unfinished, &path)?;
        bar.finish_and_clear();
    }
    Ok(directory)
}

fn succeed(command: &mut Command) -> Result<(), Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}
