//! Waits for one video and prints its URL; what happens meanwhile goes to standard error. Ctrl-C
//! prints how to go on later. `IACREA_API_KEY` is the key, `IACREA_BASE_URL` another API.

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use iacrea_video::core::endpoint::DEFAULT_BASE_URL;
use iacrea_video::core::machine::{Machine, Update, check_id};
use iacrea_video::core::options::{Options, RawOptions};
use iacrea_video::core::status::Status;
use iacrea_video_reqwest::Carrier;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    run().await.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

async fn run() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (id, token) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [id] => (id, None),
        [id, "--resume", token] => (id, Some(token)),
        _ => return Err("usage: iacrea-video-reqwest ID [--resume TOKEN]".into()),
    };
    check_id(id)?;
    let base = env::var("IACREA_BASE_URL").unwrap_or_else(|_| DEFAULT_BASE_URL.to_owned());
    let key = env::var("IACREA_API_KEY").ok();
    let carrier = Carrier::new(&base, key, Duration::from_secs(30))?;
    let now = carrier.clock.now();
    let (mut machine, step) = match token {
        Some(token) => Machine::resume(token, id, RawOptions::default(), now)?,
        None => Machine::start(id, Options::default(), now),
    };
    let ended = tokio::select! {
        ended = carrier.wait(id, &mut machine, step, tell) => Some(ended),
        stopped = tokio::signal::ctrl_c() => stopped.map(|()| None)?,
    };
    let resume = format!(
        "go on with: {id} --resume {}",
        machine.resume_token(carrier.clock.ahead())
    );
    match ended {
        Some(Ok(video)) => {
            if let Status::Done { url, .. } = &video.status {
                println!("{url}");
            }
            Ok(ExitCode::SUCCESS)
        }
        Some(Err(failure)) => {
            let mut report = failure.to_string();
            if let Some(detail) = &failure.detail {
                report += &format!("\ndetail: {detail}");
            }
            if failure.is_retryable() {
                report += &format!("\n{resume}");
            }
            Err(report.into())
        }
        None => {
            println!("{resume}");
            Ok(ExitCode::from(130))
        }
    }
}

fn tell(update: &Update) {
    let (status, percent) = (update.video.status.name(), 100.0 * update.overall);
    let left = update
        .remaining_ms
        .map(|ms| format!(", {} s left", ms.div_ceil(1_000)));
    let trouble = update
        .retrying
        .map(|code| format!(" (trying again: {})", code.as_str()));
    let (left, trouble) = (left.unwrap_or_default(), trouble.unwrap_or_default());
    eprintln!("{percent:>5.1} % {status}{left}{trouble}");
}
