import type { SagaStory, StepStory } from '../../../sagas/story.js';

/** The story of a saga for people; `subject`: what it is about. How it stands comes first. */
export function storyLines(story: SagaStory, subject: string): string[] {
  const { saga, sagaId, status, reason, startedAt, endedAt, steps, entries, complete } = story;
  return [
    `${saga} of ${subject}: ${status}${status === 'failed' ? ', a person is needed' : ''}`,
    ...(reason === null ? [] : [`because  ${reason}`]),
    `id       ${sagaId}`,
    ...(startedAt === null ? [] : [`begun    ${startedAt}`]),
    ...(endedAt === null ? [] : [`ended    ${endedAt}`]),
    ...waitingLines(story, subject),
    '',
    'Steps',
    ...stepLines(steps),
    '',
    `What happened${complete ? '' : ' (some of it is missing)'}`,
    ...entries.map(({ at, text }) => `  ${at}  ${text}`),
    ...adviceLines(story),
  ];
}

function waitingLines({ waiting }: SagaStory, subject: string): string[] {
  if (waiting === null) return [];
  const { step, direction, attempt, until, overdue, deadLettered } = waiting;
  const what = direction === 'back' ? `undoing ${step}` : step;
  const line =
    waiting.for === 'answer'
      ? `waits    for the answer to ${what}, try ${attempt}, until ${until}`
      : `waits    to try ${what} again at ${until}`;
  const late = overdue ? ['         that time is over: see that its worker runs (flotilla status)'] : [];
  if (deadLettered === null) return [line, ...late];
  return [
    line,
    ...late,
    `         its command lies in the dead letters (${deadLettered}): flotilla dead list --subject ${subject}`,
  ];
}

function stepLines(steps: readonly StepStory[]): string[] {
  const name = Math.max(...steps.map((step) => step.name.length));
  const state = Math.max(...steps.map((step) => step.state.length));
  return steps.map((step) =>
    `  ${step.name.padEnd(name)}  ${step.state.replaceAll('_', ' ').padEnd(state)}  ${stepDetail(step)}`.trimEnd(),
  );
}

/** `at 12:00, 2 tries; last failure: …` */
function stepDetail({ state, attempts, undoAttempts, doneAt, undoneAt, failure }: StepStory): string {
  const at = state === 'done' ? doneAt : undoneAt;
  return [
    ...(at === null ? [] : [at]),
    ...(attempts > 1 ? [`${attempts} tries`] : []),
    ...(undoAttempts > 1 ? [`${undoAttempts} tries to undo it`] : []),
    ...(failure === null ? [] : [failure]),
  ].join('; ');
}

function adviceLines({ sagaId, status, waiting }: SagaStory): string[] {
  const retry = `  flotilla sagas retry ${sagaId}`;
  const advice: string[] = [];
  if (status === 'failed') advice.push(`${retry}  tries to undo again`);
  else if (waiting !== null) advice.push(`${retry}  asks again now, without waiting`);
  if (status === 'started') advice.push(`  flotilla sagas compensate ${sagaId} --reason …  undoes what was done`);
  return advice.length === 0 ? [] : ['', 'What can be done', ...advice];
}
