//! The graphics processor, opened by wgpu: one dispatch at a time, each meant to take 20 ms.
//!
//! A processor is used only after a trial in which it finds the same solutions as the portable
//! kernel. Later solutions are verified by that kernel. A processor that is lost or does not answer
//! in time reports it once and is not used again.

use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use plexus_core::mining::job::{Job, JobId, Solution};
use plexus_core::mining::kernel::Kernel;
use plexus_core::mining::kernel::gpu::{
    ANSWER_BYTES, DISPATCH_BYTES, ENTRY, NONCES_MIN, SHADER, UNANSWERED, paced,
};
use plexus_core::mining::search::Search;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::pow::Target;
use wgpu::{Buffer, BufferUsages, PollType};

use super::GpuError;

/// The longest time of a dispatch before the processor counts as lost.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The number of hits that a trial compares.
const TRIAL_HITS: usize = 16;

/// A graphics processor that passed the trial.
#[derive(Debug)]
pub struct Gpu {
    name: String,
    device: wgpu::Device,
    queue: wgpu::Queue,
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
    dispatch: Buffer,
    answer: Buffer,
    /// The buffer that an answer is copied to for reading.
    copy: Buffer,
    /// The first error outside of any call.
    fault: Arc<Mutex<Option<String>>>,
    /// The number of nonces of the next dispatch.
    nonces: u32,
}

impl Gpu {
    /// Opens the fastest processor and tries it, in some 100 ms.
    ///
    /// # Errors
    /// There is no usable processor, or it computes wrongly.
    pub fn open() -> Result<Self, GpuError> {
        let mut gpu = pollster::block_on(Self::ready())?;
        gpu.tried()?;
        Ok(gpu)
    }

    /// Returns the system's name for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    async fn ready() -> Result<Self, GpuError> {
        let missing = |error: &dyn std::error::Error| GpuError::Missing { reason: error.to_string() };
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends: wgpu::Backends::PRIMARY,
            flags: wgpu::InstanceFlags::empty(),
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let wanted = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..wgpu::RequestAdapterOptions::default()
        };
        let adapter = instance.request_adapter(&wanted).await.map_err(|error| missing(&error))?;
        let name = adapter.get_info().name;
        let limits = wgpu::DeviceDescriptor {
            required_limits: wgpu::Limits::downlevel_defaults(),
            ..wgpu::DeviceDescriptor::default()
        };
        let (device, queue) = adapter.request_device(&limits).await.map_err(|error| missing(&error))?;
        let fault = Arc::new(Mutex::new(None));
        let noted = fault.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| note(&noted, error.to_string())));
        let noted = fault.clone();
        device.set_device_lost_callback(move |_, text| note(&noted, format!("the device is lost: {text}")));

        let source = wgpu::ShaderSource::Wgsl(SHADER.into());
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: None,
            module: &module,
            entry_point: Some(ENTRY),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        let buffer = |bytes: usize, usage| {
            let size = bytes as u64;
            device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size,
                usage,
                mapped_at_creation: false,
            })
        };
        let dispatch = buffer(DISPATCH_BYTES, BufferUsages::UNIFORM | BufferUsages::COPY_DST);
        let answer =
            buffer(ANSWER_BYTES, BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC);
        let copy = buffer(ANSWER_BYTES, BufferUsages::MAP_READ | BufferUsages::COPY_DST);
        let entries = [
            wgpu::BindGroupEntry { binding: 0, resource: dispatch.as_entire_binding() },
            wgpu::BindGroupEntry { binding: 1, resource: answer.as_entire_binding() },
        ];
        let layout = &pipeline.get_bind_group_layout(0);
        let bindings =
            device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries });
        let gpu = Self {
            name,
            device,
            queue,
            pipeline,
            bindings,
            dispatch,
            answer,
            copy,
            fault,
            nonces: NONCES_MIN,
        };
        gpu.check()?;
        Ok(gpu)
    }

    /// Compares its solutions with those of the portable kernel.
    fn tried(&mut self) -> Result<(), GpuError> {
        // This range includes the carry between the nonce's words.
        let first = (3 << 32) - u64::from(NONCES_MIN) / 2;
        let mut own = Search::new(&trial(), first);
        let mut portable = Search::new(&trial(), first).with_kernel(Kernel::PORTABLE);
        for _ in 0..TRIAL_HITS {
            let expected = portable.run(u64::MAX);
            while own.tried() < portable.tried() {
                let found = self.search(&mut own)?;
                if found.is_some() && (found != expected || own.tried() != portable.tried()) {
                    return Err(GpuError::Wrong { name: self.name.clone() });
                }
            }
            if own.tried() != portable.tried() {
                return Err(GpuError::Wrong { name: self.name.clone() });
            }
        }
        Ok(())
    }

    /// Runs one dispatch of a search. Returns a solution if it finds one.
    ///
    /// # Errors
    /// The processor is lost or does not work. It has searched nothing, and must not be used again.
    pub fn search(&mut self, search: &mut Search) -> Result<Option<Solution>, GpuError> {
        let (dispatch, bytes) = search.dispatch(self.nonces);
        let begun = Instant::now();
        let answer = self.ask(dispatch.groups(), &bytes)?;
        let took_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let name = || self.name.clone();
        let solution =
            search.settle(&dispatch, &answer).map_err(|error| GpuError::Answer { name: name(), error })?;
        // A dispatch that was cut short does not show the time of a whole one.
        if solution.is_none() && dispatch.nonces() == self.nonces {
            self.nonces = paced(self.nonces, took_us);
        }
        Ok(solution)
    }

    /// Runs the shader, and waits for its answer.
    fn ask(&self, groups: u32, dispatch: &[u8]) -> Result<Vec<u8>, GpuError> {
        let failed = |reason: String| GpuError::Failed { name: self.name.clone(), reason };
        self.queue.write_buffer(&self.dispatch, 0, dispatch);
        self.queue.write_buffer(&self.answer, 0, &UNANSWERED);
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bindings, &[]);
        pass.dispatch_workgroups(groups, 1, 1);
        drop(pass);
        encoder.copy_buffer_to_buffer(&self.answer, 0, &self.copy, 0, ANSWER_BYTES as u64);
        let submitted = self.queue.submit([encoder.finish()]);
        let (sender, mapped) = mpsc::channel();
        self.copy.map_async(wgpu::MapMode::Read, .., move |outcome| {
            // The receiver is gone after a timeout.
            let _gone = sender.send(outcome);
        });
        let wait = PollType::Wait { submission_index: Some(submitted), timeout: Some(TIMEOUT) };
        let polled = self.device.poll(wait);
        // The first error explains more than the errors that follow from it.
        self.check()?;
        polled.map_err(|error| failed(error.to_string()))?;
        let outcome = mapped.try_recv().map_err(|_| failed("its answer does not come".to_owned()))?;
        outcome.map_err(|error| failed(error.to_string()))?;
        let range = self.copy.get_mapped_range(..).map_err(|error| failed(error.to_string()))?;
        let answer = range.to_vec();
        drop(range);
        self.copy.unmap();
        Ok(answer)
    }

    /// Fails if an error came outside of any call.
    fn check(&self) -> Result<(), GpuError> {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.clone().map_or(Ok(()), |reason| Err(GpuError::Failed { name: self.name.clone(), reason }))
    }

    /// Simulates the loss of the processor.
    #[cfg(test)]
    pub(crate) fn lose(&self) {
        self.device.destroy();
    }
}

fn note(fault: &Mutex<Option<String>>, text: String) {
    fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(text);
}

/// Returns a job that takes about 2^14 tries.
fn trial() -> Job {
    let mut target = [0xff; 32];
    target[..4].copy_from_slice(&(1_u32 << 18).to_be_bytes());
    let header = *Network::plexus().genesis();
    let target = Target::from_be_bytes(target);
    Job { id: JobId(0), header, target, history_root: Hash::ZERO, body_root: Hash::ZERO, extra: 0 }
}
