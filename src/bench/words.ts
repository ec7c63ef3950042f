/** Common English words without inflections: what prompts are written of. */
export const words: readonly string[] = (
  'able acid acre afternoon agree air allow alone ancient angle animal answer apple arch arm arrive art ask autumn ' +
  'bag ball band bank basket bean bear begin bell belong bench bird blue board boat bone book border bottle box ' +
  'branch brave bread bridge bright bring brown brush build burn butter button cabin call calm camp candle captain ' +
  'card carry castle cat cave chair chalk change cheap cheese child circle city clay clean clear clock cloth cloud ' +
  'coal coast coat coin cold colour common cook copper corn corner cotton count country cover cow cream cross crowd ' +
  'cup cut dance dark daughter day deep deer desk dinner dog door double draw dream dress drink drive dry dust ear ' +
  'early earth east easy egg empty engine evening eye face family farm fast father feather field fig find fire fish ' +
  'flag flat floor flower fly fog follow food foot forest fork fox free fresh friend fruit full garden gate gentle ' +
  'gift give glass goat gold good grain grass great green ground grow guest guide hair half hall hammer hand harbour ' +
  'hat hay head hear heavy hill hold honey hope horn horse hour house hunt ice idea ink iron island jar join journey ' +
  'judge jump keep key kind kitchen knee knife lake lamp land large late leaf learn left lemon letter light line ' +
  'lion listen little long loud love low machine map market meadow meal metal middle milk mill mirror moon morning ' +
  'mother mountain mouse music nail name narrow near needle nest new night noise north nose oak oil old onion open ' +
  'orange paint paper park path pear pen picture plain plant play pocket poem pond poor potato quick quiet rabbit'
).split(' ');
