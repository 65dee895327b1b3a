/**
 * Draws the cards as JPEG files, by Debian's `chromium-headless-shell`. The repository has them, so that no other host
 * needs a browser: `deno run --allow-all examples/text_recognition/draw_cards.ts`
 *
 * @module
 */
import { type Card, CARDS } from "./cards.ts";

const WIDTH = 384;
const HEIGHT = 160;

/** Draws one card in the browser: uneven light, grain, and lines that are not quite level, as a photograph has them. */
function script({ lines }: Card, seed: number): string {
  return `
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [${WIDTH}, ${HEIGHT}];
    const context = canvas.getContext("2d");
    const light = context.createLinearGradient(0, 0, ${WIDTH}, ${HEIGHT});
    light.addColorStop(0, "#f3ead2");
    light.addColorStop(1, "#b9ac90");
    context.fillStyle = light;
    context.fillRect(0, 0, ${WIDTH}, ${HEIGHT});
    context.rotate(${(seed % 3 - 1) * 0.012});
    context.filter = "blur(0.6px)";
    context.fillStyle = "#2b2a33";
    context.font = "28px 'DejaVu Serif'";
    ${JSON.stringify(lines)}.forEach((line, i) => context.fillText(line, 24, 62 + 56 * i));
    const picture = context.getImageData(0, 0, ${WIDTH}, ${HEIGHT});
    let state = ${seed + 1};
    for (let i = 0; i < picture.data.length; i += 4) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const grain = (state / 2 ** 32 - 0.5) * 36;
      for (let c = i; c < i + 3; c++) picture.data[c] += grain;
    }
    context.putImageData(picture, 0, 0);
    document.title = canvas.toDataURL("image/jpeg", 0.7);`;
}

/** Runs a page in the browser. @returns the JPEG file that is its title. */
async function draw(card: Card, seed: number): Promise<Uint8Array> {
  const page = `<title></title><body><script>${script(card, seed)}</script>`;
  const { stdout } = await new Deno.Command("chromium-headless-shell", {
    args: ["--no-sandbox", "--dump-dom", `data:text/html,${encodeURIComponent(page)}`],
    stdin: "null",
    stderr: "null",
  }).output();
  const found = /<title>data:image\/jpeg;base64,([^<]+)</.exec(new TextDecoder().decode(stdout));
  if (!found) throw new Error(`Cannot draw the card ${card.name}: the browser made no picture`);
  return Uint8Array.fromBase64(found[1]!);
}

if (import.meta.main) {
  for (const [seed, card] of CARDS.entries()) {
    const file = new URL(`./cards/${card.name}.jpg`, import.meta.url);
    await Deno.writeFile(file, await draw(card, seed));
  }
}
