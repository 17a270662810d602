// A text as a QR code, drawn: dark modules as one path, on white whatever the page's colours are, for cameras expect it.
import { encode } from "uqr";

const border = 2;

export function Code(props: { readonly text: string; readonly says: string; readonly testid: string }) {
  const drawn = () => {
    const { data, size } = encode(props.text, { ecc: "L", border });
    const rows = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : [])));
    return { size, path: rows.join("") };
  };
  return (
    <svg
      class="code"
      data-testid={props.testid}
      viewBox={`0 0 ${drawn().size} ${drawn().size}`}
      role="img"
      aria-label={props.says}
      shape-rendering="crispEdges"
    >
      <rect width="100%" height="100%" fill="#ffffff" />
      <path d={drawn().path} fill="#000000" />
    </svg>
  );
}
