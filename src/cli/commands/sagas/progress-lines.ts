import type { SagaProgress, StepProgress } from '../../../sagas/progress/progress.js';

/** The progress of a saga as text, its status first; `subject` is that of its commands. */
export function progressLines(progress: SagaProgress, subject: string): string[] {
  const { saga, sagaId, status, reason, startedAt, endedAt, steps, entries, complete } = progress;
  return [
    `${saga} of ${subject}: ${status}${status === 'failed' ? ', manual intervention required' : ''}`,
    ...(reason === null ? [] : [`reason   ${reason}`]),
    `id       ${sagaId}`,
    ...(startedAt === null ? [] : [`started  ${startedAt}`]),
    ...(endedAt === null ? [] : [`ended    ${endedAt}`]),
    ...waitingLines(progress, subject),
    '',
    'Steps',
    ...stepLines(steps),
    '',
    `History${complete ? '' : ' (incomplete)'}`,
    ...entries.map(({ at, text }) => `  ${at}  ${text}`),
    ...actionLines(progress),
  ];
}

function waitingLines({ waiting }: SagaProgress, subject: string): string[] {
  if (waiting === null) return [];
  const { step, direction, attempt, until, overdue, deadLettered } = waiting;
  const what = direction === 'back' ? `the compensation of ${step}` : step;
  return [
    waiting.for === 'answer'
      ? `waiting  for the answer to ${what}, attempt ${attempt}, until ${until}`
      : `waiting  to retry ${what} at ${until}`,
    ...(overdue ? ['         overdue: check that its worker is running (flotilla status)'] : []),
    ...(deadLettered === null
      ? []
      : [`         its command was dead-lettered (${deadLettered}): flotilla dead list --subject ${subject}`]),
  ];
}

function stepLines(steps: readonly StepProgress[]): string[] {
  const name = Math.max(...steps.map((step) => step.name.length));
  const state = Math.max(...steps.map((step) => step.state.length));
  return steps.map((step) =>
    `  ${step.name.padEnd(name)}  ${step.state.replaceAll('_', ' ').padEnd(state)}  ${stepDetail(step)}`.trimEnd(),
  );
}

/** `2026-01-01T00:00:02.000Z; 2 attempts; no answer within 1m` */
function stepDetail({ state, attempts, compensationAttempts, doneAt, compensatedAt, failure }: StepProgress): string {
  const at = state === 'done' ? doneAt : compensatedAt;
  return [
    ...(at === null ? [] : [at]),
    ...(attempts > 1 ? [`${attempts} attempts`] : []),
    ...(compensationAttempts > 1 ? [`${compensationAttempts} compensation attempts`] : []),
    ...(failure === null ? [] : [failure]),
  ].join('; ');
}

function actionLines({ sagaId, status, waiting }: SagaProgress): string[] {
  const retry = `  flotilla sagas retry ${sagaId}`;
  const actions: string[] = [];
  if (status === 'failed') actions.push(`${retry}  retries the compensation`);
  else if (waiting !== null) actions.push(`${retry}  sends the command again now`);
  if (status === 'started')
    actions.push(`  flotilla sagas compensate ${sagaId} --reason …  compensates the completed steps`);
  return actions.length === 0 ? [] : ['', 'Actions', ...actions];
}
