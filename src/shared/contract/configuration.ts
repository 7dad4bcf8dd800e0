import { accessKeyProcedures } from './configuration/access-keys.ts';
import { authenticationProcedures } from './configuration/authentications.ts';
import { domainSourceProcedures } from './configuration/domain-source.ts';
import { integrationProcedures } from './configuration/integrations.ts';
import { labProcedures } from './configuration/labs.ts';
import { settingsProcedures } from './configuration/settings.ts';
import { testingProcedures } from './configuration/testing.ts';
import { versionProcedures } from './configuration/versions.ts';

/** The console's configuration procedures (the guide's workflow 1). */
export const configurationProcedures = {
  ...labProcedures,
  ...authenticationProcedures,
  ...integrationProcedures,
  ...accessKeyProcedures,
  ...settingsProcedures,
  ...testingProcedures,
  ...domainSourceProcedures,
  ...versionProcedures,
};
