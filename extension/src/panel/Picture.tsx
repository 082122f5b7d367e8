/** A picture of the server. */
import { useEffect, useState } from "react";
import { pictureAt } from "./server";

export function Picture({ path, alt }: { path: string; alt: string }) {
  const [address, setAddress] = useState<string | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let current = true;
    setFailed(false);
    pictureAt(path).then(
      (found) => current && setAddress(found),
      () => current && setFailed(true),
    );
    return () => {
      current = false;
    };
  }, [path]);
  if (failed) return <span title="This picture cannot be shown">✕</span>;
  return address ? <img src={address} alt={alt} decoding="async" draggable={false} /> : null;
}
