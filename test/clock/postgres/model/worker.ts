import { parentPort } from 'node:worker_threads'
import { loadCode } from './code.ts'
import { findViolation } from './explorer.ts'
import type { Job, Result } from './jobs.ts'
import { MUTATIONS } from './mutations.ts'
import { createNaiveDesigns } from './naive-designs.ts'
import type { Subject } from './scenario.ts'

parentPort!.on('message', (job: Job) => { run(job).then((result) => parentPort!.postMessage(result)) })

async function run (job: Job): Promise<Result> {
  const { runs, hits, violation } = await findViolation(await findSubject(job), job.limits)
  if (violation === undefined) return { runs, hits }
  const { error, scenario, log } = violation
  return { runs, hits, violation: { message: error.message, scenario: JSON.stringify(scenario), log } }
}

async function findSubject (job: Job): Promise<Subject> {
  if ('ours' in job) return { title: 'ours', code: await loadCode(), isPooled: job.ours === 'pooled' }
  if ('design' in job) return createNaiveDesigns(await loadCode()).find(({ title }) => title === job.design)!
  const mutation = MUTATIONS.find(({ title }) => title === job.mutation)!
  return { ...mutation, code: await loadCode(mutation) }
}
