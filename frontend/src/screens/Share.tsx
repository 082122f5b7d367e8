/** People: who is here, how others come in, and which programs ask in their name. */
import { Loading } from "../app/Notice";
import { Page } from "../app/Page";
import { useMay, useMe } from "../app/who";
import { Everybody } from "../people/Everybody";
import { FirstAccount } from "../people/FirstAccount";
import { Invites } from "../people/Invites";
import { Tokens } from "../people/Tokens";

export default function Share() {
  const me = useMe();
  const owner = useMay("owner");
  return (
    <Page title="People" lead="Invite colleagues to look, label or curate with you." width={860}>
      {me.isPending && <Loading />}
      {me.data && !me.data.accounts && <FirstAccount />}
      {me.data?.accounts && (
        <>
          {owner && <Invites />}
          <Everybody />
          <Tokens />
        </>
      )}
    </Page>
  );
}
