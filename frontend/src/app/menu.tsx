/** Where one can go: the menu at the side and the command palette read it. */
import {
  IconBrain,
  IconHome,
  IconMapDown,
  IconPackageExport,
  IconPhotoSearch,
  IconSettings,
  IconTags,
  IconUsers,
} from "@tabler/icons-react";
import type { Role } from "./who";

export const menu = [
  { path: "/", name: "Project", icon: IconHome, role: "viewer" },
  { path: "/imagery", name: "Get imagery", icon: IconMapDown, role: "curator" },
  { path: "/explore", name: "Explore and find", icon: IconPhotoSearch, role: "viewer" },
  { path: "/tasks", name: "Label", icon: IconTags, role: "viewer" },
  { path: "/train", name: "Encoders", icon: IconBrain, role: "viewer" },
  { path: "/datasets", name: "Datasets", icon: IconPackageExport, role: "viewer" },
  { path: "/share", name: "People", icon: IconUsers, role: "viewer" },
  { path: "/settings", name: "Settings", icon: IconSettings, role: "viewer" },
] as const satisfies readonly { path: string; name: string; icon: typeof IconHome; role: Role }[];
