/** A link as a QR code, drawn as one path: dark on light, in every colour scheme, because scanners expect that. */

import qrcode from "qrcode-generator";
import { useMemo } from "react";

const QUIET = 4; // modules of light around it, as the standard asks

export default function Qr({ text, size = 180 }: { text: string; size?: number }) {
  const [path, side] = useMemo(() => drawn(text), [text]);
  return (
    <svg
      role="img"
      aria-label="The same as a QR code"
      width={size}
      height={size}
      viewBox={`0 0 ${side} ${side}`}
      shapeRendering="crispEdges"
      style={{ background: "#fff", borderRadius: 8, maxWidth: "100%" }}
    >
      <path d={path} fill="#000" />
    </svg>
  );
}

function drawn(text: string): [path: string, side: number] {
  const code = qrcode(0, "M");
  code.addData(text);
  code.make();
  const count = code.getModuleCount();
  let path = "";
  for (let row = 0; row < count; row++)
    for (let column = 0; column < count; column++)
      if (code.isDark(row, column)) path += `M${column + QUIET} ${row + QUIET}h1v1h-1z`;
  return [path, count + 2 * QUIET];
}
