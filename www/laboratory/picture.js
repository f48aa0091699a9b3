// @ts-check
/** The animated pictures: the nodes, coloured by their relation to the newest block, and the newest blocks with branches. */

/** @typedef {import('./main.js').Scene} Scene */
/** @typedef {import('./main.js').SceneBlock} SceneBlock */
/** @typedef {import('./main.js').Report} Report */

/** The height of the network's picture, as a fraction of its width. */
const NETWORK_SHAPE = 0.62;
/** The height of the tree's picture, in CSS pixels. */
const TREE_HEIGHT = 96;
/** The margin around a picture. */
const MARGIN = 12;
/** The names of the colours in the style sheet. */
const COLOURS = { newest: '--accent', behind: '--faint', elsewhere: '--warn', down: '--line-strong', traitor: '--bad', link: '--line-strong', ink: '--quiet', ground: '--surface' };

/**
 * @param {HTMLCanvasElement} canvas
 * @param {number} height
 */
function prepare(canvas, height) {
  const width = canvas.clientWidth;
  const scale = devicePixelRatio;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
  }
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  const colours = Object.fromEntries(Object.entries(COLOURS).map(([name, property]) => [name, style.getPropertyValue(property)]));
  return { pen, width, colours: /** @type {Record<keyof typeof COLOURS, string>} */ (colours) };
}

/**
 * Draws nodes and links.
 * @param {HTMLCanvasElement} canvas
 * @param {Report} report
 * @param {Scene} scene
 */
export function drawNetwork(canvas, { places, links, nodes }, { stances }) {
  const height = Math.round(canvas.clientWidth * NETWORK_SHAPE);
  const { pen, width, colours } = prepare(canvas, height);
  // Scale the drawing so that the nodes fill it.
  const [left, right] = ends(places.map(({ x }) => x));
  const [top, bottom] = ends(places.map(({ y }) => y));
  const at = (/** @type {number} */ node) => ({
    x: MARGIN + (places[node].x - left) / (right - left) * (width - 2 * MARGIN),
    y: MARGIN + (places[node].y - top) / (bottom - top) * (height - 2 * MARGIN),
  });
  pen.strokeStyle = colours.link;
  pen.globalAlpha = Math.max(0.3, Math.min(1, 600 / links.length));
  pen.lineWidth = 1;
  pen.beginPath();
  for (const { a, b } of links) {
    const [from, to] = [at(a), at(b)];
    pen.moveTo(from.x, from.y);
    pen.lineTo(to.x, to.y);
  }
  pen.stroke();
  pen.globalAlpha = 1;
  const radius = Math.max(2.5, Math.min(6, width / 16 / Math.sqrt(nodes)));
  places.forEach(({ honest }, node) => {
    const { x, y } = at(node);
    pen.fillStyle = honest ? colours[stances[node]] : colours.traitor;
    pen.beginPath();
    // A Byzantine node also has another shape, so that colours are not needed to see it.
    if (honest) pen.arc(x, y, stances[node] === 'newest' ? radius : radius * 0.8, 0, 2 * Math.PI);
    else pen.rect(x - radius, y - radius, 2 * radius, 2 * radius);
    pen.fill();
  });
}

/** Returns the least and the greatest value. They always differ. @param {number[]} values */
function ends(values) {
  const [least, greatest] = [Math.min(...values), Math.max(...values)];
  return greatest > least ? [least, greatest] : [least - 0.5, greatest + 0.5];
}

/**
 * Draws the newest blocks, each to the right of the one before. The best chain is a line, other blocks are below it.
 * @param {HTMLCanvasElement} canvas
 * @param {Scene} scene
 */
export function drawTree(canvas, { blocks }) {
  const { pen, width, colours } = prepare(canvas, TREE_HEIGHT);
  const step = Math.min(48, (width - 2 * MARGIN - 40) / Math.max(1, blocks.length - 1));
  const lanes = lanesOf(blocks);
  const at = (/** @type {number} */ index) => ({ x: MARGIN + 8 + index * step, y: 30 + 26 * lanes[index] });
  const first = blocks[0]?.number ?? 0;
  pen.lineWidth = 2;
  blocks.forEach(({ parent, best }, index) => {
    if (parent === null || parent < first) return;
    const [from, to] = [at(parent - first), at(index)];
    pen.strokeStyle = best ? colours.newest : colours.elsewhere;
    pen.beginPath();
    pen.moveTo(from.x, from.y);
    // Leave the line at once, so that branches do not cross the blocks in between.
    pen.bezierCurveTo(from.x + step / 2, to.y, from.x + step / 2, to.y, to.x, to.y);
    pen.stroke();
  });
  pen.font = `12px ${getComputedStyle(canvas).fontFamily}`;
  pen.textAlign = 'center';
  blocks.forEach(({ best, holders }, index) => {
    const { x, y } = at(index);
    pen.fillStyle = best ? colours.newest : colours.elsewhere;
    pen.beginPath();
    if (best) pen.arc(x, y, 5, 0, 2 * Math.PI);
    else pen.rect(x - 5, y - 5, 10, 10);
    pen.fill();
    if (holders === 0) return;
    // The number of nodes whose tip it is.
    pen.fillStyle = colours.ink;
    pen.fillText(String(holders), x, best ? y - 10 : y + 18);
  });
}

/** Returns the lane of each block: 0 for the best chain, and lower lanes for concurrent branches. @param {SceneBlock[]} blocks */
function lanesOf(blocks) {
  const first = blocks[0]?.number ?? 0;
  /** @type {number[]} */
  const lanes = [];
  blocks.forEach(({ parent, best }, index) => {
    const above = parent !== null && parent >= first ? parent - first : -1;
    const goesOn = above >= 0 && !blocks[above].best;
    lanes.push(best ? 0 : goesOn ? lanes[above] : 1 + (lanes.slice(-3).includes(1) ? 1 : 0));
  });
  return lanes;
}
