import { expect } from 'chai';
import fc from 'fast-check';
import { SaxesParser } from 'saxes';
import { diagramOf, type Diagram } from '../../src/flow/diagram.js';
import { findingsOf } from '../../src/flow/findings.js';
import { flowOf } from '../../src/flow/flow-of-fleet.js';
import platformFleet from '../../config/fleet.js';
import { curveOf, pointsOn } from '../../src/flow/formats/curve.js';
import { dotOf } from '../../src/flow/formats/dot.js';
import { layOut } from '../../src/flow/formats/layout.js';
import { mermaidOf } from '../../src/flow/formats/mermaid.js';
import { placeLabels } from '../../src/flow/formats/place-labels.js';
import { svgOf } from '../../src/flow/formats/svg.js';
import { seed } from '../support/seed.js';
import { smallFleet, trips } from './support/small-fleet.js';

const flow = flowOf(smallFleet({ cycles: false }));
const diagram = diagramOf(flow, findingsOf(flow, trips.definitions));

const HOSTILE = [
  '</desc><script>alert(1)</script>',
  '"];x',
  'a\\',
  ']]>',
  '&amp;#34;',
  '%%{init: {}}%%',
  '\u0000\ud800\n',
  '`',
  'é码',
];

/** A diagram in which every text is one of these. */
function labelled(texts: readonly string[]): Diagram {
  return {
    title: texts[0] ?? '',
    legend: texts,
    description: texts,
    boxes: texts.map((text, index) => ({
      id: text,
      kind: index % 2 === 0 ? 'types' : 'outside',
      lines: [text, text],
      isDeadEnd: index === 1,
    })),
    arrows: texts
      .slice(1)
      .map((text, index) => ({ from: texts[index] ?? '', to: text, isCycle: index === 0, label: text })),
  };
}

/** The elements of a well-formed XML document, and the texts in them. Throws for anything else. */
function parseXml(text: string): { elements: string[]; texts: string[]; attributes: string[] } {
  const elements: string[] = [];
  const texts: string[] = [];
  const attributes: string[] = [];
  const parser = new SaxesParser();
  parser.on('opentag', (tag) => {
    elements.push(tag.name);
    attributes.push(...Object.values(tag.attributes).map(String));
  });
  parser.on('text', (content) => texts.push(content));
  parser.on('error', (error) => {
    throw error;
  });
  parser.write(text).close();
  return { elements, texts, attributes };
}

describe('the picture of a flow', () => {
  it('is one SVG document with a title, a text alternative, both color schemes and no reference to another file', async () => {
    const svg = await svgOf(diagram);
    const { elements, texts, attributes } = parseXml(svg);
    expect(elements.slice(0, 4)).to.deep.equal(['svg', 'title', 'desc', 'style']);
    expect(svg).to.match(/^<svg [^>]*role="img" aria-labelledby="title desc">/);
    expect(texts).to.include('Flow of messages');
    expect(texts.join('')).to.include('flight.delayed: emitted by https://airport.example, read by seats.');
    expect(svg).to.include('prefers-color-scheme: dark');
    expect(attributes.filter((value) => value.includes('://'))).to.deep.equal(['http://www.w3.org/2000/svg']);
    expect(svg).not.to.match(/href|@import|url\((?!#)/);
  });

  it('shows every part and every type once, dead ends dashed and undeclared cycles in another color', async () => {
    const { texts } = parseXml(await svgOf(diagram));
    const shown = texts.filter((text) => text.trim() !== '');
    for (const { name } of flow.parts)
      expect(
        shown.filter((text) => text === name),
        name,
      ).to.have.length(1);
    for (const type of ['trip.requested', 'flight.book', 'saga.started', 'trip.closed']) {
      expect(
        shown.filter((text) => text === type),
        type,
      ).to.have.length(1);
    }
    const svg = await svgOf(diagram);
    expect(svg.match(/class="arrow cycle"/g)).to.have.length(2); // to the type and back
    // trip.closed, which the store of the projection never contains
    expect(svg.match(/class="box types dead-end"/g)).to.have.length(1);
    const dead = diagramOf({ parts: flow.parts.filter(({ kind }) => kind !== 'outside') }, { cycles: [] });
    expect((await svgOf(dead)).match(/class="box types dead-end"/g)).to.have.length(2);
  });

  it('has each label on its arrow, and over no box and no other label', async () => {
    const base = diagramOf(flowOf(platformFleet), { cycles: [] });
    const arrows = base.arrows.map((arrow, index) => ({ ...arrow, label: `${index} · 980ms` }));
    const layout = await layOut({ ...base, arrows });
    const labels = placeLabels(layout);
    expect(labels).to.have.length(arrows.length);
    for (const [index, { label, x, y }] of labels.entries()) {
      expect(label).to.equal(arrows[index]?.label);
      const { points: line = [], place } = layout.arrows[index] ?? {};
      const points = pointsOn(curveOf(line, place));
      expect(points.some((point) => point.x === x && point.y === y)).to.equal(true);
    }
    const overlaps = labels.flatMap((label, index) =>
      [...layout.boxes, ...labels.slice(index + 1)].filter(
        (other) =>
          Math.abs(label.x - other.x) < (label.width + other.width) / 2 &&
          Math.abs(label.y - other.y) < (label.height + other.height) / 2,
      ),
    );
    expect(overlaps).to.deep.equal([]);
  });

  it('contains hostile names as text only', async () => {
    const hostile = await svgOf(labelled(HOSTILE));
    const { elements, texts } = parseXml(hostile);
    expect(elements).not.to.include('script');
    expect(texts).to.include('</desc><script>alert(1)</script>').and.to.include('\\u0000\\ud800\\n');
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 20 }), { minLength: 1, maxLength: 4 }),
        async (texts) => {
          const { elements } = parseXml(await svgOf(labelled(texts)));
          const labels = texts.slice(1).filter((text) => text !== '').length;
          expect(elements.filter((name) => name === 'rect')).to.have.length(1 + texts.length + labels);
        },
      ),
      { seed, numRuns: 100 },
    );
  });
});

describe('the flow in the language of Graphviz', () => {
  const TEXT = '"(?:[^"\\\\\\n]|\\\\.)*"';
  const LINE = new RegExp(
    `^(digraph flow \\{|  label=${TEXT}; labelloc=t; rankdir=LR;|  node \\[fontname="monospace", fontsize=10\\];` +
      `|  ${TEXT} \\[shape=\\w+, label=${TEXT}(, style=dashed)?\\];|  ${TEXT} -> ${TEXT}( \\[(?:label=${TEXT}|, |color=\\w+|style=dotted)+\\])?;|\\}|)$`,
  );

  it('has one statement in each line, whatever the names', () => {
    for (const line of [...dotOf(diagram).split('\n'), ...dotOf(labelled(HOSTILE)).split('\n')]) {
      expect(line).to.match(LINE);
    }
    expect(dotOf(diagram)).to.include('"worker:flights" -> "type:flight.book" [color=red];');
  });
});

describe('the flow as a flowchart of Mermaid', () => {
  const LABEL = '"(?:[^"#%&<>`\\n]|#\\d+;|<br/>|</?small>)*"';
  const LINE = new RegExp(
    `^(---|title: "(?:[^"\\\\]|\\\\.)*"|flowchart LR|  n\\d+(\\(\\[|\\[\\[|\\[\\(|\\[|>)${LABEL}(\\]\\)|\\]\\]|\\)\\]|\\])` +
      '|  n\\d+ (-->|-\\.->|==>)(\\|' +
      LABEL +
      '\\|)? n\\d+|  classDef deadEnd stroke-dasharray: 4|  class (n\\d+,?)+ deadEnd|  linkStyle (\\d+,?)+ stroke:red|)$',
  );

  it('has one statement in each line, whatever the names', () => {
    for (const line of [...mermaidOf(diagram).split('\n'), ...mermaidOf(labelled(HOSTILE)).split('\n')]) {
      expect(line).to.match(LINE);
    }
    expect(mermaidOf(diagram)).to.match(/linkStyle \d+,\d+ stroke:red/);
  });
});
