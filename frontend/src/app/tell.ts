/** What went wrong, as a note in the corner: one sentence, and what can be done. */
import { notifications } from "@mantine/notifications";
import { Fault } from "../api/client";
import { sentence } from "./words";

export function tell(error: unknown) {
  const fault = error instanceof Fault ? error : new Fault(0, "Defect", String(error), "");
  notifications.show({
    id: `${fault.code} ${fault.message}`, // the same trouble is told once
    color: "red",
    title: sentence(fault.message),
    message: sentence(fault.hint),
    withBorder: true,
  });
}
