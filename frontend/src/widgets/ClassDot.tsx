/** A dot in the colour of a class, beside its name: colour alone says nothing. */
import { classColor } from "./classColor";

interface ClassDotProps {
  classes: readonly string[]; // of the task
  name: string | undefined;
}

export const ClassDot = ({ classes, name }: ClassDotProps) => (
  <span
    aria-hidden="true"
    style={{
      display: "inline-block",
      flex: "none",
      width: 10,
      height: 10,
      borderRadius: "50%",
      background: classColor(classes, name),
      outline: "1px solid light-dark(#fff, #242424)",
    }}
  />
);
