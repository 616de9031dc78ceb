//! `nsq bench bare`: the limit.

use std::{
    io::{Read, stdin},
    thread,
};

use tokio::{net::TcpListener, sync::oneshot};

use super::options;
use crate::{
    bench::{
        BenchError, Result,
        bare::{self, Offer},
        usage,
    },
    cli::{
        Console, ExitCode,
        tool::{self, StopSignals},
    },
};

/// What it sends.
#[derive(Debug, clap::Args)]
pub struct Bare {
    /// Messages that it has for each subscriber
    #[arg(long, default_value = "1000000", value_parser = options::messages)]
    messages: u64,
    /// Bytes of each
    #[arg(long, default_value_t = 200, value_parser = options::size)]
    size: usize,
}

impl Bare {
    /// Serves at a port of 127.0.0.1 that is free, which it says as nsqd does, until a signal comes or its standard input
    /// ends, so that it cannot outlive whoever has started it.
    pub(super) fn run(&self, console: &mut Console<'_>) -> ExitCode {
        match self.serve(console) {
            Ok(()) => ExitCode::Success,
            Err(error) => super::complain(&error.to_string(), console),
        }
    }

    fn serve(&self, console: &mut Console<'_>) -> Result<()> {
        usage::allow_many_files()?;
        let runtime = tool::runtime().map_err(|refusal| BenchError::Impossible(refusal.0))?;
        let (ended, input_ends) = oneshot::channel();
        thread::Builder::new().name("bench-input".to_owned()).spawn(move || {
            let _nothing = stdin().read(&mut [0]);
            let _nobody_waits = ended.send(());
        })?;
        runtime.block_on(async {
            let mut stop = StopSignals::new()?;
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            console.complain(&format!("TCP: listening on {}", listener.local_addr()?));
            let offer = Offer { messages: self.messages, size: self.size };
            tokio::select! {
                served = bare::serve(listener, offer) => served,
                () = stop.next() => Ok(()),
                _ = input_ends => Ok(()),
            }
        })
    }
}
