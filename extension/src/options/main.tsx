import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "../../../frontend/src/app/app.css";
import { createRoot } from "react-dom/client";
import { Page } from "../Page";
import { Options } from "./Options";

const root = document.getElementById("root");
if (root)
  createRoot(root).render(
    <Page>
      <Options />
    </Page>,
  );
